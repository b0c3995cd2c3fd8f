//! NATS goes and comes back, or has no room: on a server of the test's own.

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::fixture::{Fixture, connect_client, eventually, seqs_of};
use crate::own_nats::{OwnNats, stored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_without_nats_and_arrive_when_it_is_back() {
    let mut nats = OwnNats::start();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let mut events = fixture.subscribe(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append(scope).await;
    events.until(scope, 1).await;
    fixture.outbox_is_empty().await;
    nats.nats.process.kill().unwrap();
    fixture.append_many(scope, 30).await;
    assert_eq!(fixture.log.heads(&[scope]).await.unwrap(), [(scope, 31)]);
    nats.nats.process.restart().unwrap();
    fixture.outbox_is_empty().await;
    // The stream kept what it had, and nothing is in it twice.
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    let messages = jetstream.get_stream("TRELLIS").await.unwrap().cached_info().state.messages;
    assert_eq!(messages, 31);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_starts_before_nats_waits_for_it() {
    let mut nats = OwnNats::start();
    let url = nats.url();
    nats.nats.process.kill().unwrap();
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    let relay = fixture.relay(&url).await;
    fixture.append_many(scope, 3).await;
    nats.nats.process.restart().unwrap();
    fixture.outbox_is_empty().await;
    relay.stop().await;
}

/// A server that began with little free space, or that keeps a week of a busy system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_loses_its_oldest_events_and_takes_new_ones() {
    let mut nats = OwnNats::start();
    nats.limit("64KB");
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 300).await;
    fixture.outbox_is_empty().await;
    let seqs = seqs_of(&stored(&nats.url()).await, scope);
    assert_eq!(seqs.last(), Some(&300));
    assert!(seqs.len() < 300, "it was never full");
    assert_eq!(fixture.republished_later().await, 0, "what was removed is taken for lost");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_holds_up_no_write_and_gets_all_when_there_is_room() {
    let nats = OwnNats::start();
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    let full = Config {
        name: "TRELLIS".to_owned(),
        subjects: vec!["trellis.>".to_owned()],
        discard: DiscardPolicy::New,
        max_messages: 3,
        ..Config::default()
    };
    jetstream.create_stream(full.clone()).await.unwrap();
    let fixture = Fixture::new().await;
    let relay = fixture.relay(&nats.url()).await;
    let (scope, other) = (fixture.new_scope().await, fixture.new_scope().await);
    fixture.append_many(scope, 30).await;
    fixture.append_many(other, 10).await;
    assert_eq!(fixture.log.heads(&[scope]).await.unwrap(), [(scope, 30)]);
    eventually("what fits is stored", async || fixture.outbox().await == 37).await;
    jetstream.update_stream(Config { max_messages: -1, ..full }).await.unwrap();
    fixture.outbox_is_empty().await;
    let stored = stored(&nats.url()).await;
    assert_eq!(seqs_of(&stored, scope), (1..=30).collect::<Vec<_>>());
    assert_eq!(seqs_of(&stored, other), (1..=10).collect::<Vec<_>>());
    relay.stop().await;
}
