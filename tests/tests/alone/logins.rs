//! More logins at once than can be hashed. Rate limits are off: it is the queue in front of argon2 that is tried.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::{sync::watch, time::sleep};
use trellis_local::testing::TestCluster;
use trellis_tests::{Answer, Api, PASSWORD, Session};

const CROWD: usize = 1000;
/// Of each password that is hashed, by argon2's parameters.
const MIB_EACH: u64 = 19;
/// All else that the process needs, for a thousand calls that wait, too.
const MIB_BESIDE: u64 = 100;

/// The most memory that a process ever had, in MiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

/// Reads until it is told to stop, and gives how often it was answered.
async fn reads(ada: Session, stop: watch::Receiver<bool>) -> usize {
    let mut answered = 0;
    while !*stop.borrow() {
        ada.get("/organizations").await.expect(200);
        ada.get("/me").await.expect(200);
        ada.api.get("//readyz").await.expect(200);
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn a_thousand_at_once_leave_the_rest_answering_and_memory_bounded() {
    let _alone = crate::alone().await;
    let mut cluster = TestCluster::start().unwrap();
    let identity = cluster.cluster.process("identity").pid();
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;
    let (stop, stopped) = watch::channel(false);
    println!("identity takes {} MiB before", peak(identity));
    let reading = tokio::spawn(reads(ada.clone(), stopped));

    let logins = (0..CROWD).map(|i| {
        let (api, email) = (api.clone(), ada.email().to_owned());
        async move {
            // A third knows the password, a third does not, a third is nobody.
            match i % 3 {
                0 => api.login(&email, PASSWORD).await,
                1 => api.login(&email, "not the password").await,
                _ => api.login(&format!("nobody-{i}@example.test"), PASSWORD).await,
            }
        }
    });
    let (mut served, mut crowded) = (0, 0);
    for (i, answer) in join_all(logins).await.into_iter().enumerate() {
        match answer.status.as_u16() {
            200 if i % 3 == 0 => served += 1,
            401 if i % 3 != 0 => {
                answer.problem(401, "invalid_credentials");
                served += 1;
            }
            _ => {
                assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
                answer.problem(503, "unavailable");
                crowded += 1;
            }
        }
    }
    stop.send(true).unwrap();
    let answered = reading.await.unwrap();
    assert!(served > 0 && answered > 0, "{served} were served, {crowded} sent away, others answered {answered} times");

    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let (peak, bound) = (peak(identity), cores * MIB_EACH + MIB_BESIDE);
    assert!(peak < bound, "identity took {peak} MiB, more than {bound}");
    println!("{served} served, {crowded} sent away, {answered} rounds of reads meanwhile, identity's peak {peak} MiB");

    // It is over: everybody gets in.
    for _ in 0..3 {
        api.login(ada.email(), PASSWORD).await.expect(200);
    }
    ada.get("/me").await.expect(200);
}

async fn login_from(api: &Api, address: &str, email: &str) -> Answer {
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    api.send(Method::POST, "/auth/login", &[("x-forwarded-for", address)], Some(body)).await
}

#[tokio::test]
async fn a_flood_from_elsewhere_does_not_keep_a_user_out() {
    let _alone = crate::alone().await;
    let cluster = TestCluster::start_with(|process, environment| {
        environment.insert("TRELLIS_RATE_LIMITS".to_owned(), "off".to_owned());
        if process == "gateway" {
            environment.insert("TRELLIS_TRUSTED_PROXIES".to_owned(), "127.0.0.0/8".to_owned());
        }
    })
    .unwrap();
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;

    // As many as fill the queue several times over, each coming again at once, all from one address.
    let (stop, stopped) = watch::channel(false);
    let refused = Arc::new(AtomicUsize::new(0));
    let flood: Vec<_> = (0..150)
        .map(|i| {
            let (api, stopped, refused) = (api.clone(), stopped.clone(), Arc::clone(&refused));
            tokio::spawn(async move {
                while !*stopped.borrow() {
                    let answer = login_from(&api, "198.51.100.7", &format!("nobody-{i}@example.test")).await;
                    refused.fetch_add(usize::from(answer.status == 503), Ordering::Relaxed);
                    sleep(Duration::from_millis(50)).await;
                }
            })
        })
        .collect();
    while refused.load(Ordering::Relaxed) < 100 {
        sleep(Duration::from_millis(10)).await;
    }
    // The true user needs no luck: what is left for others is not the flood's. A few tries, because a machine that is
    // busy with all of this may also be too slow for a call's deadline.
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = login_from(&api, "203.0.113.5", ada.email()).await;
        if answer.status == 200 {
            break;
        }
        assert!(tries < 10, "kept out by the flood: {answer:?}");
        answer.problem(503, "unavailable");
    }
    stop.send(true).unwrap();
    join_all(flood).await.into_iter().for_each(Result::unwrap);
}
