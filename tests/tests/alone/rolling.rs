//! A rolling restart of all eight processes of a replicated cluster under load costs no client anything: no request of
//! one that honours `Connection: close` and goes elsewhere once where it is told 503 or refused a connection, and no
//! event of a socket that resumes.

mod load;
mod socket;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use trellis_local::testing::{TestCluster, without_rate_limits};
use trellis_tests::Api;

use crate::alone;
use load::{Client, Load};
use socket::Resuming;

/// What a process may take to end, at most.
const STOP: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_mins(1);
const SOCKETS: usize = 8;
/// Requests that are answered between two restarts, with everything there.
const BETWEEN: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn restarting_one_process_after_the_other_fails_no_request_and_loses_no_event() {
    let _alone = alone().await;
    let mut cluster = TestCluster::replicated(2, without_rate_limits).unwrap();
    let urls = cluster.cluster.urls();
    let api = Api::new(&urls[0]);
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "Stay up").await;

    let over = CancellationToken::new();
    let topic = format!("task:{org}/WEB-1");
    let sockets: Vec<_> = (0..SOCKETS)
        .map(|first| Resuming::start(urls.clone(), first, ada.token.clone(), topic.clone(), over.clone()))
        .collect();
    for socket in &sockets {
        socket.subscribed().await;
    }
    let load = Arc::new(Load::new(Client::new(&urls, &ada), &org));
    let running = tokio::spawn(Arc::clone(&load).run(over.clone()));

    for name in cluster.cluster.ports.names().into_iter().rev() {
        load.answered_more(BETWEEN).await;
        let began = Instant::now();
        cluster.cluster.process(&name).stop(STOP).unwrap();
        let took = began.elapsed();
        cluster.cluster.process(&name).restart().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !cluster.cluster.is_ready(&name).unwrap() {
            assert!(Instant::now() < deadline, "{name} is not ready again");
            cluster.cluster.check().unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        println!("{name}: stopped in {took:?}, ready again {:?} later", began.elapsed().saturating_sub(took));
    }
    load.answered_more(BETWEEN).await;

    load.stop().await;
    let commented = load.commented();
    for socket in &sockets {
        socket.heard(commented.len()).await;
    }
    over.cancel();
    running.await.unwrap();
    println!("{}", load.summary());
    assert!(load.failures().is_empty(), "{:#?}", load.failures());

    // What was acknowledged is there, once.
    let mut there = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada.get(&format!("/organizations/{org}/tasks/WEB-1/comments?limit=100{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        there.extend(items.iter().map(|item| item["content"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let unique: BTreeSet<String> = there.iter().cloned().collect();
    assert_eq!(unique.len(), there.len(), "a comment is there twice");
    assert_eq!(unique, commented);

    // And each socket has heard of each, once, all in the same order.
    let mut orders = Vec::new();
    for socket in sockets {
        let heard = socket.end().await;
        assert_eq!(heard.closes, BTreeSet::from([1012]), "sockets are closed with nothing but 1012");
        assert_eq!(heard.comments.iter().cloned().collect::<BTreeSet<_>>(), commented);
        assert_eq!(heard.comments.len(), commented.len(), "a comment was heard of twice");
        orders.push(heard.comments);
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "sockets disagree about the order");
}
