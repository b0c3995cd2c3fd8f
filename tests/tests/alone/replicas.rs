//! Two of each process: what happens once happens once, and either of a pair may be gone or stand still.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use trellis_local::testing::{TestCluster, without_rate_limits};
use trellis_tests::{Api, Session};

use crate::alone;

const SERVICES: [&str; 3] = ["identity", "org", "project"];

struct World {
    cluster: TestCluster,
    /// The same user at both gateways.
    ada: [Session; 2],
    org: String,
}

impl World {
    async fn start() -> Self {
        let cluster = TestCluster::replicated(2, without_rate_limits).unwrap();
        let urls = cluster.cluster.urls();
        let ada = Api::new(&urls[0]).register("Ada").await;
        let org = ada.organization().await;
        ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
        ada.task(&org, "WEB", "The first").await;
        let second = Session { api: Api::new(&urls[1]), ..ada.clone() };
        Self { cluster, ada: [ada, second], org }
    }

    fn tasks(&self) -> String {
        format!("/organizations/{}/projects/WEB/tasks", self.org)
    }

    async fn create(&self, gateway: usize, key: &str, title: &str) -> (u16, Value) {
        let body = json!({"title": title});
        let answer = self.ada[gateway].send(Method::POST, &self.tasks(), &[("idempotency-key", key)], Some(body)).await;
        (answer.status.as_u16(), answer.body)
    }

    /// Everything that needs identity, org and project, at both gateways.
    async fn read_all(&self) {
        for ada in &self.ada {
            ada.get("/me").await.expect(200);
            ada.get(&format!("/organizations/{}/members", self.org)).await.expect(200);
            ada.get(&self.tasks()).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_at_both_gateways_is_done_once_and_numbered_without_a_hole() {
    let _alone = alone().await;
    let world = World::start().await;
    let twice = (0..20).flat_map(|number| [(0, number), (1, number)]);
    let (ref_world, made) = (&world, twice.map(|(gateway, number)| (gateway, format!("key-{number}"))));
    let answers = join_all(made.map(|(gateway, key)| async move { ref_world.create(gateway, &key, &key).await })).await;
    let mut created = BTreeSet::new();
    for (status, body) in answers {
        match status {
            201 => drop(created.insert(body["task_id"].as_str().unwrap().to_owned())),
            409 => assert_eq!(body["code"], "idempotency_in_flight", "{body}"),
            _ => panic!("{status} {body}"),
        }
    }
    let wanted: BTreeSet<String> = (2..=21).map(|number| format!("WEB-{number}")).collect();
    assert_eq!(created, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn either_of_a_pair_may_be_killed() {
    let _alone = alone().await;
    let mut world = World::start().await;
    for name in ["identity", "org-2", "project", "identity-2", "org", "project-2"] {
        world.cluster.cluster.process(name).kill().unwrap();
        for round in 0..5 {
            world.read_all().await;
            let (status, body) = world.create(round % 2, &format!("{name}-{round}"), name).await;
            assert_eq!(status, 201, "{name} is gone: {body}");
        }
        world.cluster.cluster.process(name).restart().unwrap();
        world.cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stands_still_keeps_reads_waiting_for_a_moment_and_no_write_with_a_key_for_good() {
    let _alone = alone().await;
    let mut world = World::start().await;
    for service in SERVICES {
        let bob = world.ada[0].invite(&world.org, "Bob", "MEMBER").await;
        let process = world.cluster.cluster.process(service).pid();
        signal(process, "STOP");
        // The keepalive takes twice as long to find out.
        for _ in 0..5 {
            timeout(Duration::from_secs(10), world.read_all()).await.expect("reads hang");
        }
        let began = Instant::now();
        for round in 0..4 {
            let (status, body) = world.create(round % 2, &format!("{service}-{round}"), service).await;
            assert_eq!(status, 201, "{service} stands still: {body}");
        }
        println!("{service} stands still: four writes took {:?}", began.elapsed());

        // Who is signed out or removed is so at once, whichever replica could have told.
        let (path, member) = (format!("/organizations/{}", world.org), bob.id().to_owned());
        let bob = Session { api: world.ada[1].api.clone(), ..bob };
        bob.get(&path).await.expect(200);
        world.ada[0].delete(&format!("{path}/members/{member}")).await.expect(204);
        let removed = Instant::now();
        while bob.get(&path).await.status != 404 {
            assert!(removed.elapsed() < Duration::from_secs(5), "{service} stands still: Bob is still let in");
            sleep(Duration::from_millis(10)).await;
        }
        println!("{service} stands still: a removal took {:?}", removed.elapsed());
        signal(process, "CONT");
        world.cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
    }
}

fn signal(process: u32, signal: &str) {
    let sent = std::process::Command::new("kill").args([format!("-{signal}"), process.to_string()]).status();
    assert!(sent.unwrap().success());
}
