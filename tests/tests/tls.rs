//! A whole cluster whose processes speak TLS to each other, and who gets nowhere with it.

use std::{fs, path::Path, time::Duration};

use serde_json::json;
use tonic::{
    Code, Status,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};
use trellis_authn::{ServiceKey, ServiceName};
use trellis_local::{certificates::Certificates, testing::TestCluster};
use trellis_proto::identity::v1::{BatchGetUsersRequest, identity_service_client::IdentityServiceClient};
use trellis_tests::{Api, Socket, unique};

/// Asks identity with a good service token of `process`, over a connection of this kind.
async fn ask(
    cluster: &TestCluster,
    process: ServiceName,
    url: String,
    tls: Option<ClientTlsConfig>,
) -> Result<(), Status> {
    let seed = cluster.secrets.service_keys[process.as_str()].clone();
    let key = ServiceKey::new(process, &seed.into()).unwrap();
    let mut endpoint = Endpoint::from_shared(url).unwrap().timeout(Duration::from_secs(10));
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls).unwrap();
    }
    let mut identity = IdentityServiceClient::new(endpoint.connect_lazy());
    identity.batch_get_users(key.request(BatchGetUsersRequest::default())).await.map(drop)
}

/// Believes `authority` and shows the certificate of a process, where one is given.
fn tls(authority: &Certificates, shows: Option<(&Certificates, &str)>) -> ClientTlsConfig {
    let text = |file: &Path| fs::read_to_string(file).unwrap();
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text(&authority.authority())));
    match shows {
        Some((of, process)) => {
            config.identity(Identity::from_pem(text(&of.certificate(process)), text(&of.key(process))))
        }
        None => config,
    }
}

#[tokio::test]
async fn a_cluster_whose_processes_speak_tls_does_a_days_work_and_lets_nobody_else_in() {
    let folder = std::env::temp_dir().join(unique("trellis-tls"));
    let ours = Certificates::make(&folder.join("ours")).unwrap();
    let theirs = Certificates::make(&folder.join("theirs")).unwrap();
    let mut cluster = TestCluster::start_with(|process, environment| {
        environment.insert("TRELLIS_RATE_LIMITS".to_owned(), "off".to_owned());
        ours.apply(process, environment);
        for (name, url) in environment.iter() {
            assert!(!url.starts_with("http://"), "{process} has {name} in plain");
        }
    })
    .unwrap();

    // Every process calls every other one: identity asks org about the invitation, project asks both.
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ben.task(&org, "website", "Draw the landing page").await;
    let topic = format!("task:{org}/WEB-1");
    let mut socket = Socket::open(&api.base, &ada.token).await;
    socket.subscribe(&topic, None).await;
    let comment =
        ben.post(&format!("/organizations/{org}/tasks/WEB-1/comments"), json!({"content": "Green?"})).await.expect(201);
    let frame = socket.event("comment.created").await;
    assert_eq!((&frame["event"]["data"], &frame["event"]["actor"]["name"]), (&comment, &json!("Ben")));

    // A good token is not enough: only the certificate of the process that made it lets it in.
    let (https, http) = {
        let port = cluster.cluster.ports.identity[0];
        (format!("https://127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"))
    };
    let (gateway, project) = (ServiceName::Gateway, ServiceName::Project);
    ask(&cluster, gateway, https.clone(), Some(tls(&ours, Some((&ours, "gateway"))))).await.unwrap();
    ask(&cluster, project, https.clone(), Some(tls(&ours, Some((&ours, "project"))))).await.unwrap();
    let taken = ask(&cluster, gateway, https.clone(), Some(tls(&ours, Some((&ours, "project"))))).await.unwrap_err();
    assert_eq!(taken.code(), Code::Unauthenticated, "{taken:?}");
    for (who, url, tls) in [
        ("without a certificate", &https, Some(tls(&ours, None))),
        ("with one of another authority", &https, Some(tls(&ours, Some((&theirs, "gateway"))))),
        ("in plain HTTP/2", &http, None),
    ] {
        let refused = ask(&cluster, gateway, url.clone(), tls).await.unwrap_err();
        // Not a word of the service's own: there was no connection that calls could be made on.
        let why = std::error::Error::source(&refused).and_then(|why| why.downcast_ref::<tonic::transport::Error>());
        assert!(why.is_some(), "{who}: {refused:?}");
    }

    // A gateway of another authority never gets ready, and says why; the services go on.
    let mut plan = cluster.cluster.process("gateway").plan.clone();
    theirs.apply("gateway", &mut plan.environment);
    plan.environment
        .insert("TRELLIS_LISTEN".to_owned(), format!("127.0.0.1:{}", trellis_local::ports::free().unwrap()));
    plan.environment.remove("TRELLIS_METRICS_LISTEN");
    plan.log.set_file_name("stranger.log");
    let stranger = trellis_local::process::Process::start(plan.clone()).unwrap();
    let warned = async {
        while !fs::read_to_string(&plan.log).unwrap_or_default().contains("TLS fails") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), warned).await.expect("the log says why nothing goes");
    let unready = std::process::Command::new(&plan.program)
        .arg("--healthcheck")
        .env_clear()
        .envs(&plan.environment)
        .output()
        .unwrap();
    assert!(!unready.status.success());
    drop(stranger);
    ben.get("/me").await.expect(200);
    fs::remove_dir_all(&folder).ok();
}

#[test]
fn half_of_the_settings_or_a_url_that_does_not_fit_stop_the_start() {
    let folder = std::env::temp_dir().join(unique("trellis-tls"));
    let ours = Certificates::make(&folder).unwrap();
    for process in ["gateway", "identity", "org", "project"] {
        let start = |variables: &[(&str, String)]| {
            let program = trellis_local::binaries().unwrap().join(format!("trellis-{process}"));
            let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
            let output = std::process::Command::new(program).env_clear().envs(variables).output().unwrap();
            assert!(!output.status.success());
            String::from_utf8(output.stderr).unwrap()
        };
        let certificate = ("TRELLIS_TLS_CERTIFICATE", ours.certificate(process).display().to_string());
        let said = start(std::slice::from_ref(&certificate));
        for missing in ["TRELLIS_TLS_KEY", "TRELLIS_TLS_AUTHORITY"] {
            assert!(said.contains(&format!("{missing}: is not set")), "{process}: {said}");
        }
        let url = if process == "org" { "TRELLIS_IDENTITY_URL" } else { "TRELLIS_ORG_URL" };
        let said = start(&[(url, "https://127.0.0.1:7009".to_owned())]);
        assert!(said.contains(&format!("{url}: must begin with http://")), "{process}: {said}");
        let said = start(&[
            certificate,
            ("TRELLIS_TLS_KEY", ours.key(process).display().to_string()),
            ("TRELLIS_TLS_AUTHORITY", ours.authority().display().to_string()),
            (url, "http://127.0.0.1:7009".to_owned()),
        ]);
        assert!(said.contains(&format!("{url}: must begin with https://")), "{process}: {said}");
    }
    fs::remove_dir_all(&folder).ok();
}
