//! TLS between processes: who is let in, and which settings are refused at the start.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use tonic::{Code, transport::ClientTlsConfig};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use trellis_local::certificates::{Authority, Certificates};
use trellis_proto::identity::v1::identity_service_client::IdentityServiceClient;
use trellis_rpc::{Channel, Endpoints, Server, Tls, is_ready, is_ready_over};
use trellis_settings::Settings;

use crate::told::{NAMES, Told, tell};

/// Removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("trellis-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// The settings of a process as variables, and what it says to them.
fn read(process: &str, variables: &[(&str, String)]) -> (Tls, Endpoints, Vec<String>) {
    let given: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut settings = Settings::from_source(Box::new(move |wanted| {
        given.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }));
    let tls = Tls::read(&mut settings, process);
    let endpoints = tls.endpoints(&mut settings, "TRELLIS_ORG_URL", "http://127.0.0.1:7002", "Where org is");
    (tls, endpoints, settings.finish().err().map_or_else(Vec::new, |error| error.0))
}

fn files(certificate: &Path, key: &Path, authority: &Path) -> Vec<(&'static str, String)> {
    let text = |file: &Path| file.display().to_string();
    vec![
        ("TRELLIS_TLS_CERTIFICATE", text(certificate)),
        ("TRELLIS_TLS_KEY", text(key)),
        ("TRELLIS_TLS_AUTHORITY", text(authority)),
        ("TRELLIS_ORG_URL", "https://127.0.0.1:7002".to_owned()),
    ]
}

fn of(certificates: &Certificates, process: &str) -> Tls {
    let variables = files(&certificates.certificate(process), &certificates.key(process), &certificates.authority());
    let (tls, _, problems) = read(process, &variables);
    assert_eq!(problems, Vec::<String>::new());
    tls
}

async fn serve(tls: &Tls) -> Told {
    Told::serve(Server::bind_over(([127, 0, 0, 1], 0).into(), NAMES, tls).await.unwrap())
}

fn client(told: &Told, tls: &Tls) -> IdentityServiceClient<Channel> {
    let endpoints = format!("https://{}", told.address).parse::<Endpoints>().unwrap();
    IdentityServiceClient::new(Channel::new(&tls.protect(endpoints).unwrap()))
}

/// What tonic's own client gets that trusts the authority of `trusted` and shows nothing.
async fn without_certificate(told: &Told, trusted: &Certificates) -> Result<(), tonic::Status> {
    let authority = tonic::transport::Certificate::from_pem(fs::read(trusted.authority()).unwrap());
    let config = ClientTlsConfig::new().ca_certificate(authority);
    let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{}", told.address)).unwrap();
    let channel = endpoint.tls_config(config).unwrap().connect_lazy();
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(drop)
}

#[tokio::test]
async fn processes_of_one_authority_call_each_other_and_nobody_else_does() {
    let folder = Folder::new();
    let ours = Certificates::make(&folder.0.join("ours")).unwrap();
    let theirs = Certificates::make(&folder.0.join("theirs")).unwrap();
    let tls = of(&ours, "org");
    let told = serve(&tls).await;
    told.readiness.set(true).await;

    assert_eq!(tell(&client(&told, &of(&ours, "gateway")), "hello").await.unwrap(), "hello");

    // Neither the calls nor health get anywhere without a certificate of the authority.
    without_certificate(&told, &ours).await.unwrap_err();
    let stranger = tell(&client(&told, &of(&theirs, "gateway")), "hello").await.unwrap_err();
    assert_eq!(stranger.code(), Code::Unavailable);
    let plain = tell(&told.client(), "hello").await.unwrap_err();
    assert_eq!(plain.code(), Code::Unavailable);

    // The process itself finds out how it is, by its own certificate and name.
    assert!(is_ready_over(told.address, &tls).await);
    assert!(!is_ready_over(told.address, &of(&theirs, "org")).await);
    assert!(!is_ready_over(told.address, &of(&ours, "gateway")).await, "who listens there is not gateway");
    assert!(!is_ready(told.address).await);
}

#[tokio::test]
async fn a_caller_does_not_talk_to_a_server_of_another_authority_nor_to_another_host() {
    let folder = Folder::new();
    let ours = Certificates::make(&folder.0.join("ours")).unwrap();
    let theirs = Certificates::make(&folder.0.join("theirs")).unwrap();

    let impostor = serve(&of(&theirs, "org")).await;
    let refused = tell(&client(&impostor, &of(&ours, "gateway")), "hello").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);

    // The certificate is for 127.0.0.1 and localhost, not for every address of the machine.
    let told = Told::serve(Server::bind_over(([127, 0, 0, 2], 0).into(), NAMES, &of(&ours, "org")).await.unwrap());
    let elsewhere = tell(&client(&told, &of(&ours, "gateway")), "hello").await.unwrap_err();
    assert_eq!(elsewhere.code(), Code::Unavailable);
}

#[tokio::test]
async fn who_connects_and_says_nothing_keeps_nobody_out_and_is_let_go() {
    let folder = Folder::new();
    let ours = Certificates::make(&folder.0).unwrap();
    let told = serve(&of(&ours, "org")).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(tokio::net::TcpStream::connect(told.address).await.unwrap());
    }
    assert_eq!(tell(&client(&told, &of(&ours, "gateway")), "hello").await.unwrap(), "hello");
    for mut stream in silent {
        let mut byte = [0];
        let end = tokio::io::AsyncReadExt::read(&mut stream, &mut byte).await;
        assert!(end.is_err() || end.is_ok_and(|read| read == 0), "the server closes the connection");
    }
}

#[tokio::test]
async fn a_server_whose_port_speaks_tls_stops_as_any_other() {
    let folder = Folder::new();
    let ours = Certificates::make(&folder.0).unwrap();
    let told = serve(&of(&ours, "org")).await;
    let client = client(&told, &of(&ours, "gateway"));
    tell(&client, "hello").await.unwrap();
    told.shutdown.cancel();
    told.serving.await.unwrap().unwrap();
    assert!(tell(&client, "hello").await.is_err());
}

#[test]
fn the_three_files_are_given_together_and_with_urls_that_fit() {
    let folder = Folder::new();
    let ours = Certificates::make(&folder.0).unwrap();
    let all = files(&ours.certificate("org"), &ours.key("org"), &ours.authority());
    let (_, endpoints, problems) = read("org", &all);
    assert_eq!((endpoints.to_string().as_str(), problems.len()), ("https://127.0.0.1:7002", 0));
    assert_eq!(read("org", &[]).2, Vec::<String>::new());

    // One or two of three: the start names those that are missing, and only those.
    for given in 1..7_u8 {
        let some: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(index, _)| *index == 3 || given & (1 << index) != 0)
            .map(|(_, variable)| variable.clone())
            .collect();
        let (_, _, problems) = read("org", &some);
        let missing: Vec<_> = (0..3).filter(|index| given & (1 << index) == 0).map(|index| all[index].0).collect();
        assert_eq!(problems.len(), missing.len(), "{problems:?}");
        for name in missing {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }

    let mut plain = all.clone();
    plain.pop();
    let url = |variables: &[(&'static str, String)], url: &str| {
        let mut variables = variables.to_vec();
        variables.push(("TRELLIS_ORG_URL", url.to_owned()));
        read("org", &variables).2
    };
    for (variables, wrong) in [
        (plain.as_slice(), "http://127.0.0.1:7002"),
        (&plain, "https://127.0.0.1:7002,http://127.0.0.1:7003"),
        (&plain, "https://a..b:7002"),
        (&[], "https://127.0.0.1:7002"),
    ] {
        let problems = url(variables, wrong);
        assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        assert!(problems[0].starts_with("TRELLIS_ORG_URL"), "{wrong}: {problems:?}");
    }
    assert!(read("org", &plain).2[0].starts_with("TRELLIS_ORG_URL"), "the default is plain");
}

#[test]
fn files_that_would_not_do_stop_the_start_with_the_variables_name() {
    let folder = Folder::new();
    let authority = Authority::new().unwrap();
    let ours = Certificates::of(&authority, &folder.0).unwrap();
    let theirs = Certificates::make(&folder.0.join("theirs")).unwrap();
    let (certificate, key, root) = (ours.certificate("org"), ours.key("org"), ours.authority());

    let now = SystemTime::now();
    let hour = Duration::from_hours(1);
    let timed = |name: &str, valid| {
        let issued = authority.issue_for("org", &valid).unwrap();
        (folder.file(&format!("{name}.pem"), &issued.certificate), folder.file(&format!("{name}.key"), &issued.key))
    };
    let (expired, early) = (timed("expired", now - 2 * hour..now - hour), timed("early", now + hour..now + 2 * hour));
    let nothing = folder.file("nothing", "");
    let absent = folder.0.join("absent");

    let (cert_name, key_name, root_name) = ("TRELLIS_TLS_CERTIFICATE", "TRELLIS_TLS_KEY", "TRELLIS_TLS_AUTHORITY");
    for (what, certificate, key, root, blamed) in [
        ("no certificate", &absent, &key, &root, cert_name),
        ("no key", &certificate, &absent, &root, key_name),
        ("no authority", &certificate, &key, &absent, root_name),
        ("an empty certificate", &nothing, &key, &root, cert_name),
        ("an empty key", &certificate, &nothing, &root, key_name),
        ("an empty authority", &certificate, &key, &nothing, root_name),
        ("files taken for each other", &key, &certificate, &root, cert_name),
        ("another one's key", &certificate, &theirs.key("org"), &root, key_name),
        ("another process's certificate", &ours.certificate("project"), &ours.key("project"), &root, cert_name),
        ("another authority's certificate", &theirs.certificate("org"), &theirs.key("org"), &root, cert_name),
        ("an expired certificate", &expired.0, &expired.1, &root, cert_name),
        ("a certificate of tomorrow", &early.0, &early.1, &root, cert_name),
    ] {
        let (_, _, problems) = read("org", &files(certificate, key, root));
        assert_eq!(problems.len(), 1, "{what}: {problems:?}");
        assert!(problems[0].starts_with(blamed), "{what}: {problems:?}");
        assert!(!problems[0].contains("PRIVATE KEY"), "{what}: {problems:?}");
    }
}

/// One authority follows the other without a moment in which processes of both cannot talk.
#[tokio::test]
async fn two_authorities_are_trusted_while_one_follows_the_other() {
    let folder = Folder::new();
    let old = Certificates::make(&folder.0.join("old")).unwrap();
    let new = Certificates::make(&folder.0.join("new")).unwrap();
    let text = |file: &Path| fs::read_to_string(file).unwrap();
    let both = folder.file("both", &(text(&old.authority()) + &text(&new.authority())));
    let tls = |certificates: &Certificates, process| {
        let (tls, _, problems) =
            read(process, &files(&certificates.certificate(process), &certificates.key(process), &both));
        assert_eq!(problems, Vec::<String>::new());
        tls
    };
    let told = serve(&tls(&new, "org")).await;
    for caller in [&old, &new] {
        assert_eq!(tell(&client(&told, &tls(caller, "gateway")), "hello").await.unwrap(), "hello");
    }
}
