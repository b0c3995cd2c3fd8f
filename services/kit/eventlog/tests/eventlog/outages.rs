//! NATS goes, comes back, forgets: on a server of the test's own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use prost::Message as _;
use rustix::process::Signal;
use trellis_local::servers::Nats;
use trellis_local::{packages, ports};
use trellis_proto::event::v1::Event;
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

    /// Lets it store so much and no more, from now on.
    fn limit(&mut self, most: &str) {
        let config = self.folder.join("nats.conf");
        std::fs::write(&config, format!("jetstream {{ max_file_store: {most} }}")).unwrap();
        self.nats.process.kill().unwrap();
        self.nats.process.plan.arguments.extend(["--config".to_owned(), config.display().to_string()]);
        self.nats.process.restart().unwrap();
    }

    fn store(&self) -> PathBuf {
        self.folder.join("nats/jetstream")
    }

    fn forget_everything(&self) {
        std::fs::remove_dir_all(self.store()).unwrap();
    }

    fn copy(&self) -> PathBuf {
        let copy = self.folder.join("copy");
        copied("--archive", &self.store(), &copy);
        copy
    }

    fn restore(&self, copy: &Path) {
        self.forget_everything();
        copied("--archive", copy, &self.store());
    }
}

/// With its owner, who may be another user.
fn copied(how: &str, from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg(how).args([from, to]).status().unwrap().success());
}

/// The events that the stream holds, in its order; none where there is no stream.
async fn stored(url: &str) -> Vec<Event> {
    let jetstream = async_nats::jetstream::new(connect_client(url).await);
    let Ok(stream) = jetstream.get_stream("TRELLIS").await else { return Vec::new() };
    let state = stream.cached_info().state.clone();
    let mut events = Vec::new();
    for seq in state.first_sequence.max(1)..=state.last_sequence {
        if let Ok(message) = stream.get_raw_message(seq).await {
            events.push(Event::decode(message.payload).unwrap());
        }
    }
    events
}

async fn all_is_stored(url: &str, scope: Uuid, last: u64) {
    eventually("all is in the stream", async || {
        let mut seqs = seqs_of(&stored(url).await, scope);
        seqs.sort_unstable();
        seqs == (1..=last).collect::<Vec<_>>()
    })
    .await;
}

/// Deletes the stream; the scope's next event meets that. Until the loss is noticed.
async fn lose_the_stream(fixture: &Fixture, nats: &OwnNats, scope: Uuid) {
    let jetstream = async_nats::jetstream::new(connect_client(&nats.url()).await);
    jetstream.delete_stream("TRELLIS").await.unwrap();
    fixture.append(scope).await;
    eventually("the loss is noticed", async || fixture.republished_later().await > 0).await;
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
