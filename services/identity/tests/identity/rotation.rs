//! From one signing key to the next, with two processes that run meanwhile.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use tokio::{task::JoinHandle, time::Instant};
use trellis_identity::app;
use trellis_proto::identity::v1::{
    FollowSessionsRequest, GetMeRequest, LoginRequest, Tokens, identity_service_client::IdentityServiceClient,
};
use trellis_rpc::Channel;

use crate::world::{PASSWORD, World, as_user, browser};

/// Which key signed.
fn kid(tokens: &Tokens) -> String {
    let header = tokens.access_token.split('.').next().unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let (_, kid) = header.split_once("\"kid\":\"").unwrap();
    kid.split('"').next().unwrap().to_owned()
}

async fn published(world: &World) -> BTreeSet<String> {
    let request = world.as_gateway(FollowSessionsRequest::default());
    let keys = world.client.clone().follow_sessions(request).await.unwrap().into_inner().keys;
    keys.into_iter().map(|key| key.kid).collect()
}

async fn login(world: &World, long_lived: bool) -> Tokens {
    let request = LoginRequest {
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        client: Some(browser()),
        long_lived,
    };
    world.client.clone().login(world.as_gateway(request)).await.unwrap().into_inner().tokens.unwrap()
}

/// The 60 seconds before a new key is used, or the 5 minutes until the old one is given up, are over.
async fn let_pass(world: &World, minutes: i32) {
    sqlx::query("UPDATE signing_keys SET not_before = not_before - make_interval(mins => $1)")
        .bind(minutes)
        .execute(&world.pool)
        .await
        .unwrap();
}

/// A token that is shown again and again to one process, until it is stopped.
struct Shown {
    stop: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Shown {
    fn start(mut client: IdentityServiceClient<Channel>, tokens: &Tokens) -> Self {
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted, tokens) = (Arc::clone(&stop), Arc::clone(&times), tokens.clone());
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                client.get_me(as_user(&tokens, GetMeRequest {})).await.expect("a valid token was refused");
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Self { stop, times, task }
    }

    /// Every time it was believed, and that was not seldom.
    async fn stop(self) {
        while self.times.load(Ordering::Relaxed) <= 10 && !self.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_both_keys_are_believed_throughout() {
    let mut world = World::start().await;
    let other = world.add_replica().await;
    let first = world.register("ann@example.com").await.unwrap();
    let lasting = login(&world, true).await;
    let old = kid(&first);
    let mut shown = Vec::new();
    for client in [world.client.clone(), other.clone()] {
        shown.extend([&first, &lasting].map(|tokens| Shown::start(client.clone(), tokens)));
    }

    // Published at once, unused as yet.
    let said = app::rotate_keys(world.config.clone()).await.unwrap();
    let keys = published(&world).await;
    let [new] = keys.iter().filter(|kid| **kid != old).collect::<Vec<_>>()[..] else { panic!("{keys:?}") };
    assert!(said.starts_with(&format!("key {new} is published, and signs from 20")), "{said}");
    assert!(keys.contains(&old));
    let ahead = "SELECT count(*) FROM signing_keys WHERE not_before BETWEEN created_at + interval '60 s' AND now() + interval '60 s'";
    assert_eq!(world.count(ahead).await, 1);
    assert_eq!(kid(&login(&world, false).await), old);

    // Its time has come: both processes go over to it, with no token refused.
    let_pass(&world, 2).await;
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut fresh = login(&world, false).await;
    while kid(&fresh) != *new {
        assert!(Instant::now() < deadline, "the new key is not used");
        let mut client = other.clone();
        client.get_me(as_user(&fresh, GetMeRequest {})).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        fresh = login(&world, false).await;
    }
    for client in [world.client.clone(), other.clone()] {
        shown.push(Shown::start(client, &fresh));
    }
    assert_eq!(kid(&world.refresh(&first.refresh_token).await.unwrap()), *new);

    // The old key stays until the lasting token has expired, which a process notes as it sweeps.
    let_pass(&world, 5).await;
    world.add_replica().await;
    let noted = "SELECT count(*) FROM signing_keys WHERE retired_at BETWEEN now() + interval '11 h 50 min' AND now() + interval '12 h 2 min'";
    world.eventually(noted, 1).await;
    assert_eq!(published(&world).await, keys);
    for shown in shown {
        shown.stop().await;
    }

    // Then it goes, and with it whatever it has signed; the new one's tokens stay.
    world.execute("UPDATE signing_keys SET retired_at = now() - interval '2 min' WHERE retired_at IS NOT NULL").await;
    assert_eq!(published(&world).await, BTreeSet::from([new.clone()]));
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM signing_keys", 1).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while world.is_signed_in(&lasting).await {
        assert!(Instant::now() < deadline, "a key that is gone verifies");
    }
    assert!(world.is_signed_in(&fresh).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_it_is_asked_for_one_key_is_made() {
    let world = World::start().await;
    let old = kid(&world.register("ann@example.com").await.unwrap());
    let said = join_all((0..8).map(|_| app::rotate_keys(world.config.clone()))).await;
    let said: Vec<String> = said.into_iter().map(Result::unwrap).collect();
    assert_eq!(said.iter().filter(|said| said.contains("is published")).count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|said| said.contains("was already published")).count(), 7, "{said:?}");
    assert_eq!(published(&world).await.len(), 2);

    // Before anyone is sure to have gone over to it nothing is given up, whoever sweeps.
    let_pass(&world, 5).await;
    let mut world = world;
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM signing_keys WHERE retired_at IS NULL", 2).await;

    // The next rotation may come while the one before is still in the making.
    app::rotate_keys(world.config.clone()).await.unwrap();
    assert_eq!(published(&world).await.len(), 3);
    let_pass(&world, 7).await;
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM signing_keys WHERE retired_at IS NULL", 1).await;
    assert!(published(&world).await.contains(&old), "its tokens have not expired");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_an_old_key_goes_soon() {
    let mut world = World::start().await;
    app::rotate_keys(world.config.clone()).await.unwrap();
    let_pass(&world, 7).await;
    world.add_replica().await;
    let soon = "SELECT count(*) FROM signing_keys WHERE retired_at BETWEEN now() AND now() + interval '1 min'";
    world.eventually(soon, 1).await;
    world.end().await;
}

/// The program, as an operator runs it.
fn run(variables: &[(&'static str, String)], argument: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trellis-identity"));
    program.arg(argument).env_clear().envs(variables.iter().map(|(name, value)| (name, value))).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_did() {
    let world = World::start().await;
    let output = run(&world.variables, "--rotate-keys");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.starts_with("key ") && said.contains(" signs from "), "{said}");
    assert_eq!(published(&world).await.len(), 2);

    let unset = run(&[], "--rotate-keys");
    assert!(!unset.status.success());
    assert!(String::from_utf8(unset.stderr).unwrap().contains("TRELLIS_DATABASE_URL"));
    let unknown = run(&world.variables, "--rotate");
    assert!(!unknown.status.success());
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("--healthcheck, --rotate-keys"));
    world.end().await;
}
