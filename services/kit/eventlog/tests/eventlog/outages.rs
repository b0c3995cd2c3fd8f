//! NATS goes, comes back, forgets: on a server of the test's own.

use std::path::PathBuf;

use trellis_local::servers::Nats;
use trellis_local::{packages, ports};
use uuid::Uuid;

use crate::fixture::{Fixture, connect_client, event, eventually, seqs_of};

/// A NATS that can be stopped and robbed of its data.
struct OwnNats {
    nats: Nats,
    folder: PathBuf,
}

impl OwnNats {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("trellis-eventlog-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        let programs = packages::find_or_install(&|_| ()).unwrap();
        let nats = Nats::start(&programs, &folder, &folder, ports::free().unwrap()).unwrap();
        Self { nats, folder }
    }

    fn url(&self) -> String {
        self.nats.url()
    }

    fn forget_everything(&self) {
        std::fs::remove_dir_all(self.folder.join("nats/jetstream")).unwrap();
    }
}

impl Drop for OwnNats {
    fn drop(&mut self) {
        self.nats.process.kill().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

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
    // The next event meets the missing stream. It is heard, because a core subscriber needs no stream, perhaps again,
    // and then behind all the others.
    fixture.append(scope).await;
    let mut heard = Vec::new();
    while !seqs_of(&heard, scope).ends_with(&(1..=21).collect::<Vec<_>>()) {
        heard.extend(events.until(scope, 21).await);
    }
    fixture.outbox_is_empty().await;
    let stream = jetstream.get_stream("TRELLIS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 26);
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
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    eventually("all is in the new stream", async || match jetstream.get_stream("TRELLIS").await {
        Ok(stream) => stream.cached_info().state.messages == 15,
        Err(_) => false,
    })
    .await;
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
