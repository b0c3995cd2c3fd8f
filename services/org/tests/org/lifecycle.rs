//! The process: starting in any order, NATS away, answers on the command line, stopping.

use std::{process::Command, time::Duration};

use futures_util::StreamExt as _;
use prost::Message as _;
use trellis_local::testing;
use trellis_proto::{
    event::v1::Event,
    org::v1::{MembershipChange, membership_change::Kind},
    subject,
};
use trellis_rpc::Code;

use crate::support::{Org, Prepared, blame, new_organization};

const BINARY: &str = env!("CARGO_BIN_EXE_trellis-org");

#[tokio::test]
async fn it_is_unready_until_identity_answers() {
    let prepared = Prepared::new().await;
    prepared.identity.set_away(true);
    let org = prepared.start().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!trellis_rpc::is_ready(org.address).await);
    let ann = org.person("ann@example.org").await;
    assert_eq!(blame(ann.create("acme").await).0, Code::Unavailable);
    org.identity.set_away(false);
    org.ready().await;
    ann.create("acme").await.unwrap();
}

#[tokio::test]
async fn without_nats_it_is_ready_and_writes() {
    let mut prepared = Prepared::new().await;
    prepared.set("TRELLIS_NATS_URL", "nats://127.0.0.1:1");
    let org = prepared.start().await;
    org.ready().await;
    let ann = org.admin("acme").await;
    ann.open("acme").await;
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&org.db).await.unwrap();
    assert_eq!(waiting, 2);
}

#[tokio::test]
async fn changes_are_published() {
    let nats = async_nats::connect(testing::nats_url().unwrap()).await.unwrap();
    let mut events = nats.subscribe(subject::of("org", subject::MEMBERSHIPS)).await.unwrap();
    nats.flush().await.unwrap();
    let org = Org::start().await;
    let ann = org.admin("acme").await;
    let id = ann.get("acme").await.unwrap().id;
    // Other tests publish to the same subject, from databases of their own.
    let ours = async {
        loop {
            let event = Event::decode(events.next().await.unwrap().payload).unwrap();
            let change = MembershipChange::decode(&*event.payload).unwrap();
            if change.org_id == id {
                return (event, change);
            }
        }
    };
    let (event, change) = tokio::time::timeout(Duration::from_secs(10), ours).await.unwrap();
    assert_eq!((event.kind.as_str(), event.seq, event.actor_id), ("member.joined", 1, ann.id.to_string()));
    assert_eq!((change.kind(), change.seq), (Kind::Joined, 1));
}

#[tokio::test]
async fn it_ends_in_good_order() {
    let mut org = Org::start().await;
    let ann = org.admin("acme").await;
    org.stop().await.unwrap();
    ann.get("acme").await.unwrap_err();
    assert!(!trellis_rpc::is_ready(org.address).await);
}

#[tokio::test]
async fn without_credentials_nothing_is_answered() {
    let org = Org::start().await;
    let client = crate::support::client(org.address, &"Bearer nonsense".parse().unwrap()).await;
    assert_eq!(blame(client.clone().create_organization(new_organization("acme")).await).0, Code::Unauthenticated);
    let other = Prepared::new().await;
    let stranger = &other.keys[0].1;
    let header = stranger.request(()).metadata().get("authorization").unwrap().clone();
    let client = crate::support::client(org.address, &header).await;
    assert_eq!(blame(client.clone().create_organization(new_organization("acme")).await).0, Code::Unauthenticated);
}

#[test]
fn the_command_line_answers() {
    let ask = |question: &str| Command::new(BINARY).arg(question).env_clear().output().unwrap();
    let settings = ask("--settings");
    assert!(settings.status.success());
    let readme = include_str!("../../README.md");
    assert!(readme.contains(String::from_utf8(settings.stdout).unwrap().trim()));
    let version = String::from_utf8(ask("--version").stdout).unwrap();
    assert_eq!(version.trim(), concat!("trellis-org ", env!("CARGO_PKG_VERSION")));
    assert!(!ask("--nonsense").status.success());

    let bare = Command::new(BINARY).env_clear().output().unwrap();
    assert!(!bare.status.success());
    let told = String::from_utf8(bare.stderr).unwrap();
    for name in ["TRELLIS_DATABASE_URL", "TRELLIS_SERVICE_KEY", "TRELLIS_PEER_KEYS", "TRELLIS_INVITATION_SECRET"] {
        assert!(told.contains(name), "{told}");
    }
}

#[tokio::test]
async fn the_process_starts_is_healthy_and_stops() {
    let mut prepared = Prepared::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    prepared.set("TRELLIS_LISTEN", &format!("127.0.0.1:{port}"));
    let command = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(BINARY);
        command.args(arguments).env_clear().envs(prepared.variables.clone()).kill_on_drop(true);
        command
    };
    assert!(!command(&["--healthcheck"]).status().await.unwrap().success());
    let mut process = command(&[]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let healthy = async {
        while !command(&["--healthcheck"]).status().await.unwrap().success() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), healthy).await.unwrap();
    let pid = process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(25), process.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}
