//! NATS comes back and has forgotten: on a server of the test's own.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use uuid::Uuid;

use crate::fixture::{Fixture, connect_client, event, eventually, seqs_of};
use crate::own_nats::{OwnNats, all_is_stored, stored};

/// Deletes the stream; the scope's next event meets that. Until the loss is noticed.
async fn lose_the_stream(fixture: &Fixture, nats: &OwnNats, scope: Uuid) {
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    jetstream.delete_stream("TRELLIS").await.unwrap();
    fixture.append(scope).await;
    eventually("the loss is noticed", async || fixture.republished_later().await > 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_vanished_is_made_and_filled_again() {
    let nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let (scope, other) = (fixture.new_scope().await, fixture.new_scope().await);
    fixture.append_many(scope, 20).await;
    fixture.append_many(other, 5).await;
    fixture.outbox_is_empty().await;
    let mut events = fixture.subscribe(&nats.url()).await;
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    jetstream.delete_stream("TRELLIS").await.unwrap();
    // The next event meets the missing stream. It is heard, because a core subscriber needs no stream; the others come
    // again after it.
    fixture.append(scope).await;
    let mut heard = Vec::new();
    while !(1..=21).all(|seq| seqs_of(&heard, scope).contains(&seq)) {
        heard.push(events.next().await);
    }
    fixture.outbox_is_empty().await;
    let stream = jetstream.get_stream("TRELLIS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 26);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_new_goes_before_what_is_published_again() {
    let nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let old = [fixture.new_scope().await, fixture.new_scope().await, fixture.new_scope().await];
    for scope in old {
        fixture.append_many(scope, 200).await;
    }
    let new = fixture.new_scope().await;
    fixture.outbox_is_empty().await;
    let mut events = fixture.subscribe(&nats.url()).await;
    lose_the_stream(&fixture, &nats, new).await;
    fixture.append(new).await;
    events.until(new, 2).await;
    assert!(fixture.republished_later().await > 0, "not behind 600 others");
    fixture.outbox_is_empty().await;
    assert_eq!(stored(&nats.url()).await.len(), 602);
    relay.stop().await;
}

/// All of one scope, of which one is published at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_again_never_fills_the_outbox() {
    let nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 400).await;
    fixture.outbox_is_empty().await;
    lose_the_stream(&fixture, &nats, scope).await;
    // From now on nothing is acknowledged.
    nats.nats.process.signal(Signal::STOP);
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let waiting = fixture.outbox().await;
        assert!(waiting < 40, "{waiting} wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nats.nats.process.signal(Signal::CONT);
    fixture.outbox_is_empty().await;
    all_is_stored(&nats.url(), scope, 401).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_without_memory_is_told_everything_again_by_the_next_leader() {
    let mut nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 12).await;
    fixture.outbox_is_empty().await;
    relay.stop().await;
    nats.nats.process.kill().unwrap();
    nats.forget_everything();
    fixture.append_many(scope, 3).await;
    nats.nats.process.restart().unwrap();
    let relay = fixture.relay(&nats.url()).await;
    all_is_stored(&nats.url(), scope, 15).await;
    // The stream has the last event before the relay knows of it.
    fixture.outbox_is_empty().await;
    let remembered: i64 = sqlx::query_scalar("SELECT count(*) FROM relay_stream WHERE last_event IS NOT NULL")
        .fetch_one(fixture.log.pool())
        .await
        .unwrap();
    assert_eq!(remembered, 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lost_its_end_and_grew_on_is_noticed() {
    let nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    let relay = fixture.relay(&nats.url()).await;
    fixture.append_many(scope, 5).await;
    fixture.outbox_is_empty().await;
    relay.stop().await;
    // As after a power cut: the number that is remembered belongs to another service's event now.
    sqlx::query("UPDATE relay_stream SET last_event = $1")
        .bind(Uuid::now_v7())
        .execute(fixture.log.pool())
        .await
        .unwrap();
    let mut events = fixture.subscribe(&nats.url()).await;
    let relay = fixture.relay(&nats.url()).await;
    let heard = events.until(scope, 5).await;
    assert_eq!(seqs_of(&heard, scope), [1, 2, 3, 4, 5]);
    let new = Uuid::now_v7();
    fixture.log.begin_new(new).await.unwrap().commit(event()).await.unwrap();
    assert_eq!(events.until(new, 1).await.len(), 1);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_that_forgot_everything_is_told_it_again_by_who_leads() {
    let mut nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 12).await;
    fixture.outbox_is_empty().await;
    nats.nats.process.kill().unwrap();
    nats.forget_everything();
    fixture.append_many(scope, 3).await;
    nats.nats.process.restart().unwrap();
    all_is_stored(&nats.url(), scope, 15).await;
    fixture.outbox_is_empty().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_that_is_restored_from_an_old_copy_is_told_what_it_lacks() {
    let mut nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 5).await;
    fixture.outbox_is_empty().await;
    nats.nats.process.kill().unwrap();
    let copy = nats.copy();
    nats.nats.process.restart().unwrap();
    fixture.append_many(scope, 10).await;
    fixture.outbox_is_empty().await;
    nats.nats.process.kill().unwrap();
    nats.restore(&copy);
    // In flight when it comes back: more than was lost, so that its length alone tells nothing.
    fixture.append_many(scope, 20).await;
    nats.nats.process.restart().unwrap();
    fixture.append_many(scope, 20).await;
    all_is_stored(&nats.url(), scope, 55).await;
    fixture.outbox_is_empty().await;
    relay.stop().await;
}
