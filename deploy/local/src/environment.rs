//! The variables that each process gets: one place, compared with `docker-compose.yml` and with what the binaries
//! themselves declare (`tests/configuration.rs`).

use std::collections::BTreeMap;

use crate::{ports, secrets::Secrets};

/// The four kinds of process, in the order in which they are started.
pub const PROCESSES: [&str; 4] = ["identity", "org", "project", "gateway"];

/// What one of several processes of a kind is called: the first `gateway`, the others `gateway-2`, `gateway-3`, …
pub fn replica(kind: &str, index: usize) -> String {
    if index == 0 { kind.to_owned() } else { format!("{kind}-{}", index + 1) }
}

/// The kind of a process of this name, and how many of that kind come before it.
pub fn kind_of(name: &str) -> (&str, usize) {
    let numbered = name.rsplit_once('-').and_then(|(kind, number)| Some((kind, number.parse::<usize>().ok()?)));
    numbered.map_or((name, 0), |(kind, number)| (kind, number.saturating_sub(1)))
}

/// Where everything listens: one port for each replica of a process.
#[derive(Debug, Clone)]
pub struct Ports {
    pub gateway: Vec<u16>,
    pub identity: Vec<u16>,
    pub org: Vec<u16>,
    pub project: Vec<u16>,
    pub postgres: u16,
    pub nats: u16,
    /// The gateways' internal ports for `/metrics`.
    pub metrics: Vec<u16>,
}

impl Ports {
    /// Free ones for so many replicas of each process, beside the servers'.
    pub fn free(replicas: usize, postgres: u16, nats: u16) -> anyhow::Result<Self> {
        let free = || (0..replicas).map(|_| ports::free()).collect::<anyhow::Result<Vec<_>>>();
        Ok(Self {
            gateway: free()?,
            identity: free()?,
            org: free()?,
            project: free()?,
            metrics: free()?,
            postgres,
            nats,
        })
    }

    /// Of all processes of a kind.
    pub fn of(&self, kind: &str) -> &[u16] {
        match kind {
            "gateway" => &self.gateway,
            "identity" => &self.identity,
            "org" => &self.org,
            "project" => &self.project,
            other => unreachable!("{other} is none of the four processes"),
        }
    }

    /// Every process, in the order in which they are started.
    pub fn names(&self) -> Vec<String> {
        let replicas = |kind: &'static str| (0..self.of(kind).len()).map(move |index| replica(kind, index));
        PROCESSES.into_iter().flat_map(replicas).collect()
    }

    /// All endpoints of a service, beginning with another one for each that calls, so that they spread.
    fn urls(&self, service: &str, caller: usize) -> String {
        let mut ports = self.of(service).to_vec();
        let first = caller % ports.len().max(1);
        ports.rotate_left(first);
        let urls: Vec<_> = ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        urls.join(",")
    }
}

/// The environment of one process, which is given by name. `databases` is the name of each service's database.
pub fn of(
    name: &str,
    ports: &Ports,
    secrets: &Secrets,
    databases: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let (process, index) = kind_of(name);
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    let service_url = |service: &str| ports.urls(service, index);

    set("TRELLIS_LISTEN", format!("127.0.0.1:{}", ports.of(process)[index]));
    set("TRELLIS_NATS_URL", format!("nats://127.0.0.1:{}", ports.nats));
    set("TRELLIS_SERVICE_KEY", secrets.service_keys[process].clone());
    if process == "gateway" {
        for service in ["identity", "org", "project"] {
            set(&format!("TRELLIS_{}_URL", service.to_uppercase()), service_url(service));
        }
        set("TRELLIS_METRICS_LISTEN", format!("127.0.0.1:{}", ports.metrics[index]));
        // For whoever tries things out, unless he says otherwise.
        let introspection = "TRELLIS_GRAPHQL_INTROSPECTION";
        set(introspection, std::env::var(introspection).unwrap_or_else(|_| "on".to_owned()));
        return Ok(with_passed_on(variables));
    }

    set("TRELLIS_PEER_KEYS", secrets.peer_keys()?);
    let database = |role: &str| {
        format!(
            "postgres://{role}:{}@127.0.0.1:{}/{}",
            secrets.role_passwords[role], ports.postgres, databases[process]
        )
    };
    set("TRELLIS_DATABASE_URL", database(&format!("trellis_{process}")));
    set("TRELLIS_MIGRATION_DATABASE_URL", database(&format!("trellis_{process}_owner")));
    match process {
        "identity" => {
            set("TRELLIS_TOKEN_SECRET", secrets.token_secret.clone());
            set("TRELLIS_ORG_URL", service_url("org"));
        }
        "org" => {
            set("TRELLIS_INVITATION_SECRET", secrets.invitation_secret.clone());
            set("TRELLIS_IDENTITY_URL", service_url("identity"));
        }
        _ => {
            set("TRELLIS_IDENTITY_URL", service_url("identity"));
            set("TRELLIS_ORG_URL", service_url("org"));
        }
    }
    Ok(with_passed_on(variables))
}

/// What the caller's shell sets goes on to the processes, where the launcher does not decide it:
/// `TRELLIS_LOG=debug make up` works.
fn with_passed_on(mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    const THE_LAUNCHERS_OWN: [&str; 4] =
        ["TRELLIS_POSTGRES_BIN", "TRELLIS_NATS_SERVER", "TRELLIS_TEST_DATABASE_URL", "TRELLIS_TEST_NATS_URL"];
    for (name, value) in std::env::vars() {
        let ours = name.starts_with("TRELLIS_") || name.starts_with("OTEL_");
        if ours && !THE_LAUNCHERS_OWN.contains(&name.as_str()) {
            variables.entry(name).or_insert(value);
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn replicas_are_called_by_number_and_found_by_name() {
        for (kind, index, name) in [("gateway", 0, "gateway"), ("gateway", 1, "gateway-2"), ("org", 11, "org-12")] {
            assert_eq!(replica(kind, index), name);
            assert_eq!(kind_of(name), (kind, index));
        }
    }

    #[test]
    fn every_process_is_told_of_all_replicas_of_a_service() {
        let two = |first: u16| vec![first, first + 1];
        let ports = Ports {
            gateway: two(10),
            identity: two(20),
            org: two(30),
            project: two(40),
            postgres: 50,
            nats: 60,
            metrics: two(70),
        };
        let databases = ["identity", "org", "project"].map(|name| (name.to_owned(), name.to_owned())).into();
        let secrets = Secrets::generate();
        let environment = |name: &str| of(name, &ports, &secrets, &databases).unwrap();
        let (first, second) = (environment("gateway"), environment("gateway-2"));
        assert_eq!(first["TRELLIS_ORG_URL"], "http://127.0.0.1:30,http://127.0.0.1:31");
        assert_eq!(second["TRELLIS_ORG_URL"], "http://127.0.0.1:31,http://127.0.0.1:30");
        assert_eq!((&*first["TRELLIS_LISTEN"], &*second["TRELLIS_LISTEN"]), ("127.0.0.1:10", "127.0.0.1:11"));
        assert_eq!(second["TRELLIS_METRICS_LISTEN"], "127.0.0.1:71");
        let (first, second) = (environment("org"), environment("org-2"));
        for same in ["TRELLIS_DATABASE_URL", "TRELLIS_SERVICE_KEY", "TRELLIS_INVITATION_SECRET", "TRELLIS_PEER_KEYS"] {
            assert_eq!(first[same], second[same], "{same}");
        }
        assert_eq!(ports.names().len(), 8);
    }
}
