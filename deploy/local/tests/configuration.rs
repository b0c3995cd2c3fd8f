//! The launcher, `docker-compose.yml` and the binaries' own declarations agree on every variable.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_yaml_ng::Value;
use trellis_local::{
    certificates::Certificates,
    environment::{self, PROCESSES, Ports},
    root,
    secrets::Secrets,
};

/// Name and default of every variable that a binary declares; the default of a required one is `required`.
fn declared(process: &str) -> BTreeMap<String, String> {
    let program = trellis_local::binaries().unwrap().join(format!("trellis-{process}"));
    let output = Command::new(&program)
        .arg("--settings")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; `make test` builds it", program.display()));
    let table = String::from_utf8(output.stdout).unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].trim_matches('`').to_owned())
    });
    rows.collect()
}

fn compose() -> Value {
    let text = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let mut document: Value = serde_yaml_ng::from_str(&text).unwrap();
    document.apply_merge().unwrap();
    document
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_mapping().map(|map| map.keys().map(|key| key.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
}

/// The variables that compose sets for a process; `NAME_FILE` stands for `NAME`.
fn composed(process: &str) -> BTreeSet<String> {
    let document = compose();
    let environment = &document["services"][process]["environment"];
    keys(environment).into_iter().map(|name| name.strip_suffix("_FILE").unwrap_or(&name).to_owned()).collect()
}

fn ports() -> Ports {
    Ports {
        gateway: vec![1],
        identity: vec![2],
        org: vec![3],
        project: vec![4],
        postgres: 5,
        nats: 6,
        metrics: vec![7],
    }
}

fn launched(process: &str) -> BTreeSet<String> {
    let ports = ports();
    let databases = ["identity", "org", "project"].map(|name| (name.to_owned(), format!("trellis_{name}"))).into();
    let variables = environment::of(process, &ports, &Secrets::generate(), &databases).unwrap();
    // What comes from this test's own shell is not the launcher's.
    variables.into_keys().filter(|name| std::env::var_os(name).is_none()).collect()
}

#[test]
fn launcher_and_compose_set_only_what_is_declared_and_all_that_is_required() {
    for process in PROCESSES {
        let declared = declared(process);
        assert!(declared.len() > 5, "{process} declares {declared:?}");
        let known: BTreeSet<String> = declared.keys().cloned().collect();
        for (who, set) in [("the launcher", launched(process)), ("docker-compose.yml", composed(process))] {
            let unknown: Vec<_> = set.difference(&known).collect();
            assert!(unknown.is_empty(), "{who} sets for {process} what it does not know: {unknown:?}");
            let missing: Vec<_> =
                declared.iter().filter(|(name, default)| *default == "required" && !set.contains(*name)).collect();
            assert!(missing.is_empty(), "{who} does not set for {process} what it requires: {missing:?}");
        }
    }
}

#[test]
fn launcher_and_compose_set_the_same_addresses_and_secrets() {
    for process in PROCESSES {
        // Tuning that only containers offer as variables of their own.
        let only_compose: BTreeSet<String> = [
            "TRELLIS_LOG",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "TRELLIS_CORS_ORIGINS",
            "TRELLIS_TRUSTED_PROXIES",
            "TRELLIS_RATE_LIMITS",
            "TRELLIS_SIGNED_OUT_ORGANIZATIONS",
        ]
        .map(str::to_owned)
        .into();
        let composed: BTreeSet<String> = composed(process).difference(&only_compose).cloned().collect();
        assert_eq!(composed, launched(process), "{process}");
    }
}

#[test]
fn every_secret_that_compose_uses_is_made_by_the_script_and_none_has_a_default() {
    let folder = std::env::temp_dir().join(format!("trellis-secrets-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root().join("deploy/secrets.sh"), folder.join("secrets.sh")).unwrap();
    for _ in 0..2 {
        assert!(Command::new("sh").arg(folder.join("secrets.sh")).output().unwrap().status.success());
    }
    let document = compose();
    let secrets = &document["secrets"];
    for name in keys(secrets) {
        let file = secrets[name.as_str()]["file"].as_str().unwrap();
        assert_eq!(file, format!("deploy/secrets/{name}"));
        let value = fs::read_to_string(folder.join("secrets").join(&name)).unwrap_or_default();
        assert!(value.len() >= 32, "{name} is not made by deploy/secrets.sh");
    }
    // The script's peer keys are what the processes read.
    let peers = fs::read_to_string(folder.join("secrets/peer_keys")).unwrap();
    assert_eq!(peers.split(',').count(), 4, "{peers}");
    fs::remove_dir_all(&folder).ok();

    for service in keys(&document["services"]) {
        let mounted: BTreeSet<String> = document["services"][service.as_str()]["secrets"]
            .as_sequence()
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let environment = &document["services"][service.as_str()]["environment"];
        for name in keys(environment) {
            let value = environment[name.as_str()].as_str().unwrap_or_default();
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                assert!(mounted.contains(secret), "{service} reads {secret} but does not mount it");
            }
            let sensitive =
                ["PASSWORD", "SECRET", "DATABASE_URL", "SERVICE_KEY"].iter().any(|word| name.contains(word));
            assert!(!sensitive || name.ends_with("_FILE"), "{service} has {name} as a plain value");
        }
    }
}

#[test]
fn containers_run_without_rights_and_only_the_gateway_is_published() {
    let document = compose();
    for service in keys(&document["services"]) {
        let it = &document["services"][service.as_str()];
        assert_eq!(it["read_only"].as_bool(), Some(true), "{service}");
        assert!(it["user"].as_str().is_some_and(|user| user != "root" && !user.starts_with('0')), "{service}");
        assert!(it.get("healthcheck").is_some(), "{service} has no health check");
        assert!(it.get("depends_on").is_none(), "{service}: start order must not matter");
        assert_eq!(it.get("ports").is_some(), service == "gateway", "{service}");
    }
}

/// What `docker-compose.tls.yml` lays over the other file is what the launcher does for `TLS=on`, and the certificates of
/// the script are taken by the processes.
#[test]
fn the_tls_override_changes_what_the_launcher_changes_and_its_certificates_are_good() {
    let text = fs::read_to_string(root().join("docker-compose.tls.yml")).unwrap();
    let document: Value = serde_yaml_ng::from_str(&text).unwrap();
    let folder = std::env::temp_dir().join(format!("trellis-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root().join("deploy/secrets.sh"), folder.join("secrets.sh")).unwrap();
    assert!(Command::new("sh").arg(folder.join("secrets.sh")).output().unwrap().status.success());
    let certificates = Certificates::make(&folder.join("launched")).unwrap();
    let ports = ports();
    let databases = ["identity", "org", "project"].map(|name| (name.to_owned(), format!("trellis_{name}"))).into();

    for process in PROCESSES {
        let service = &document["services"][process];
        let plain = environment::of(process, &ports, &Secrets::generate(), &databases).unwrap();
        let mut protected = plain.clone();
        certificates.apply(process, &mut protected);
        let changed: BTreeSet<String> = protected
            .into_iter()
            .filter(|(name, value)| name.starts_with("TRELLIS_TLS_") || value.starts_with("https://"))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(keys(&service["environment"]), changed, "{process}");

        // As the container would have them: then nothing but what is not there is missed.
        let mut command = Command::new(trellis_local::binaries().unwrap().join(format!("trellis-{process}")));
        command.env_clear();
        let mounted: Vec<_> = service["secrets"].as_sequence().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        for name in keys(&service["environment"]) {
            let value = service["environment"][name.as_str()].as_str().unwrap();
            match value.strip_prefix("/run/secrets/") {
                Some(secret) => {
                    assert!(mounted.contains(&secret), "{process} reads {secret} but does not mount it");
                    let file = document["secrets"][secret]["file"].as_str().unwrap();
                    assert_eq!(file, format!("deploy/secrets/{secret}"));
                    command.env(name, folder.join("secrets").join(secret));
                }
                None => {
                    command.env(name, value);
                }
            }
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("TRELLIS_SERVICE_KEY is not set"), "{process}: {said}");
        for blamed in ["TRELLIS_TLS", "_URL: "] {
            assert!(!said.contains(blamed), "{process}: {said}");
        }
    }
    fs::remove_dir_all(&folder).ok();
}

/// What `docker-compose.replicas.yml` lays over the other file is a second one of each process, and everybody is told of
/// both.
#[test]
fn the_replicas_override_adds_the_same_again_and_tells_everybody_of_both() {
    let text = fs::read_to_string(root().join("docker-compose.replicas.yml")).unwrap();
    let mut document: Value = serde_yaml_ng::from_str(&text).unwrap();
    document.apply_merge().unwrap();
    let base = compose();
    assert_eq!(keys(&document["services"]).len(), 2 * PROCESSES.len());
    for process in PROCESSES {
        let first = &base["services"][process];
        let second = &document["services"][format!("{process}-2").as_str()];
        assert_eq!(keys(first), keys(second), "{process}");
        for name in keys(first).iter().filter(|name| *name != "environment" && *name != "ports") {
            assert_eq!(first[name.as_str()], second[name.as_str()], "{process}: {name}");
        }
        assert!(first.get("ports").is_none() || first["ports"] != second["ports"], "{process}");
        let told = &document["services"][process]["environment"];
        let (mut urls, mut others) = (BTreeSet::new(), BTreeSet::new());
        for name in keys(&first["environment"]) {
            let of = |environment: &Value| environment[name.as_str()].as_str().unwrap_or_default().to_owned();
            let (once, again) = (of(&first["environment"]), of(&second["environment"]));
            if once.starts_with("http://") && name.ends_with("_URL") {
                let (host, port) = once.rsplit_once(':').unwrap();
                assert_eq!(of(told), format!("{once},{host}-2:{port}"), "{process}: {name}");
                assert_eq!(again, format!("{host}-2:{port},{once}"), "{process}-2: {name}");
                urls.insert(name);
            } else {
                assert_eq!(once, again, "{process}: {name}");
                others.insert(name);
            }
        }
        assert_eq!(keys(told), urls, "{process}");
        assert!(others.len() > 5, "{process}: {others:?}");
    }
}
