//! What is to be told is told once, whatever is killed meanwhile. Each test has a cluster of its own.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use trellis_local::testing::TestCluster;
use trellis_tests::{Api, Session};

use super::{Device, World, page, told, until_told, world_at};

/// The same people at a gateway that has none of their old connections.
fn again(w: &World, cluster: &TestCluster) -> World {
    let api = Api::new(cluster.cluster.url());
    let anew = |person: &Session| Session { api: api.clone(), ..person.clone() };
    World { org: w.org.clone(), ada: anew(&w.ada), ben: anew(&w.ben), cid: anew(&w.cid), api }
}

fn comments(told: &[Value]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = told.iter().map(|item| item["comment_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), told.len(), "one is told twice: {told:#?}");
    ids
}

#[tokio::test]
async fn whatever_is_killed_each_is_told_of_once() {
    let mut cluster = TestCluster::start().unwrap();
    let mut w = world_at(Api::new(cluster.cluster.url())).await;
    let start = Device::open(&w.api.base, &w.ada).await.start;
    let mut written = BTreeSet::new();
    for victim in ["project", "org", "identity", "gateway", "project"] {
        let writing = (0..12).map(|n| w.comment(&w.ben, "WEB-1", if n % 2 == 0 { "Hello" } else { "@Ada" }));
        for comment in join_all(writing).await {
            written.insert(comment["id"].as_str().unwrap().to_owned());
        }
        // While it is being told.
        let process = cluster.cluster.process(victim);
        process.kill().unwrap();
        process.restart().unwrap();
        cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
        w = again(&w, &cluster);
    }
    until_told(&w.ada, written.len()).await;
    assert_eq!(comments(&told(&w.ada).await), written);
    assert_eq!(page(&w.ada).await["unread_count"], written.len());
    // Live, from before it all.
    let mut device = Device::after(&w.api.base, &w.ada, Some(&start)).await;
    let mut heard = Vec::new();
    for _ in 0..written.len() {
        heard.push(device.event("notification.created").await["event"]["data"].clone());
    }
    assert_eq!(comments(&heard), written);
    device.is_quiet().await;
    heard.reverse();
    assert_eq!(told(&w.ada).await, heard, "the list has the order of the events");
}

#[tokio::test]
async fn without_nats_all_is_told_live_read_and_forgotten() {
    let mut cluster = TestCluster::start().unwrap();
    let w = world_at(Api::new(cluster.cluster.url())).await;
    let mut device = Device::open(&w.api.base, &w.ben).await;
    cluster.nats.process.kill().unwrap();
    for n in 1..=3 {
        w.comment(&w.ada, "WEB-1", &format!("@Ben {n}")).await;
    }
    for n in 1..=3 {
        assert_eq!(device.told("mentioned").await["excerpt"], format!("@Ben {n}"));
    }
    super::post(&w.ben, "/me/notifications/read-all").await.expect(204);
    device.event("notification.all_read").await;
    w.remove(&w.ben).await;
    device.event("notification.forgotten").await;
    assert_eq!(page(&w.ben).await["items"], serde_json::json!([]));
    cluster.nats.process.restart().unwrap();
    w.comment(&w.cid, "WEB-1", "with NATS again").await;
    until_told(&w.ada, 1).await;
    device.is_quiet().await;
}

#[tokio::test]
async fn what_cannot_be_told_while_org_is_away_is_told_when_it_is_back() {
    let mut cluster = TestCluster::start().unwrap();
    let w = world_at(Api::new(cluster.cluster.url())).await;
    // Asked once, so that the answer is known for a moment.
    w.comment(&w.ben, "WEB-1", "before").await;
    until_told(&w.ada, 1).await;
    cluster.cluster.process("org").kill().unwrap();
    let path = w.at("/tasks/WEB-1/comments");
    let mut written = 1;
    for n in 0..5 {
        let content = serde_json::json!({"content": format!("meanwhile {n}")});
        written += usize::from(w.ben.post(&path, content).await.status == 201);
    }
    cluster.cluster.process("org").restart().unwrap();
    cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
    w.comment(&w.ben, "WEB-1", "afterwards").await;
    until_told(&w.ada, written + 1).await;
    let told = told(&w.ada).await;
    assert_eq!(comments(&told).len(), written + 1);
    println!("{} of 5 were written while org was away", written - 1);
}
