//! What survives when a process is killed. Each test has a cluster of its own.

use std::time::Duration;

use serde_json::json;
use trellis_local::testing::TestCluster;
use trellis_tests::{Api, Socket};

#[tokio::test]
async fn a_socket_that_comes_back_after_the_gateway_was_killed_gets_what_it_missed_once_in_order() {
    let mut cluster = TestCluster::start().unwrap();
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "Draw the landing page").await;
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let topic = format!("task:{org}/WEB-1");

    let mut socket = Socket::open(&api.base, &ada.token).await;
    socket.subscribe(&topic, None).await;
    ada.post(&comments, json!({"content": "before"})).await.expect(201);
    let cursor = socket.event("comment.created").await["cursor"].as_str().unwrap().to_owned();

    // The gateway that the socket hangs on is killed; what is written meanwhile goes through its successor.
    let gateway = cluster.cluster.process("gateway");
    gateway.kill().unwrap();
    gateway.restart().unwrap();
    assert!(socket.is_gone().await);
    cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
    let api = Api::new(cluster.cluster.url());
    let ada = trellis_tests::Session { api: api.clone(), ..ada };
    for n in 1..=300 {
        ada.post(&comments, json!({"content": format!("missed {n}")})).await.expect(201);
    }

    let mut socket = Socket::open(&api.base, &ada.token).await;
    let subscribed = socket.subscribe(&topic, Some(&cursor)).await;
    assert_eq!((&subscribed["recovered"], &subscribed["cursor"]), (&json!(true), &json!(cursor)));
    ada.post(&comments, json!({"content": "after"})).await.expect(201);
    let wanted = (1..=300).map(|n| format!("missed {n}")).chain(["after".to_owned()]);
    for content in wanted {
        assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], content);
    }
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn with_nats_gone_writes_succeed_and_sockets_still_hear_of_them() {
    let mut cluster = TestCluster::start().unwrap();
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "Draw the landing page").await;
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let mut socket = Socket::open(&api.base, &ada.token).await;
    socket.subscribe(&format!("project:{org}/website"), None).await;

    cluster.nats.process.kill().unwrap();
    for n in 1..=3 {
        ada.post(&comments, json!({"content": format!("without NATS {n}")})).await.expect(201);
    }
    for n in 1..=3 {
        assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], format!("without NATS {n}"));
    }
    cluster.nats.process.restart().unwrap();
    ada.post(&comments, json!({"content": "with NATS again"})).await.expect(201);
    assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], "with NATS again");
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn every_process_may_be_killed_and_nothing_acknowledged_is_lost() {
    let mut cluster = TestCluster::start().unwrap();
    let api = Api::new(cluster.cluster.url());
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    let mut ada = ada;
    for (n, victim) in ["project", "org", "identity", "gateway"].into_iter().enumerate() {
        ada.task(&org, "WEB", &format!("before {victim}")).await;
        let process = cluster.cluster.process(victim);
        process.kill().unwrap();
        process.restart().unwrap();
        cluster.cluster.wait_ready(Duration::from_mins(1)).unwrap();
        // Connections of the client's own pool died with the gateway.
        ada.api = Api::new(cluster.cluster.url());
        let tasks = ada.get(&format!("/organizations/{org}/projects/WEB/tasks")).await.expect(200);
        assert_eq!(tasks["items"].as_array().unwrap().len(), n + 1, "after {victim} was killed");
    }
}
