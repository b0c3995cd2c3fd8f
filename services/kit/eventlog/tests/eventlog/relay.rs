//! The relay on the tests' shared NATS: order, leadership, handing over.

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::fixture::{Fixture, RunningRelay, event, nats_url, secret, seqs_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_the_order_of_its_scope() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let relay = fixture.relay(&nats_url()).await;
    let mut scopes = Vec::new();
    for _ in 0..10 {
        scopes.push(fixture.new_scope().await);
    }
    let mut writers = JoinSet::new();
    for scope in scopes.iter().copied() {
        for _ in 0..4 {
            let log = fixture.log.clone();
            writers.spawn(async move {
                for _ in 0..10 {
                    log.begin(scope).await.unwrap().commit(event()).await.unwrap();
                }
            });
        }
    }
    writers.join_all().await;
    let heard = events.take(400).await;
    for scope in scopes {
        assert_eq!(seqs_of(&heard, scope), (1..=40).collect::<Vec<_>>());
    }
    fixture.outbox_is_empty().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_relays_one_publishes() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let one = fixture.relay(&nats_url()).await;
    let two = RunningRelay::start(fixture.replica().await, &fixture.database.runtime_url, &nats_url()).await;
    let scope = fixture.new_scope().await;
    fixture.append_many(scope, 50).await;
    let marker = Uuid::now_v7();
    fixture.log.begin_new(marker).await.unwrap().commit(event()).await.unwrap();
    let mut heard = events.until(marker, 1).await;
    while seqs_of(&heard, scope).len() < 50 {
        heard.push(events.next().await);
    }
    // A core subscriber sees every publish, also those that the stream would drop as known.
    assert_eq!(seqs_of(&heard, scope), (1..=50).collect::<Vec<_>>());
    assert_eq!(heard.len(), 51);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_leader_hands_over() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let scope = fixture.new_scope().await;
    let leader = fixture.relay(&nats_url()).await;
    fixture.append(scope).await;
    events.until(scope, 1).await;
    let candidate = RunningRelay::start(fixture.replica().await, &fixture.database.runtime_url, &nats_url()).await;
    leader.kill();
    fixture.append_many(scope, 20).await;
    let heard = events.until(scope, 21).await;
    let mut seqs = seqs_of(&heard, scope);
    // What the old leader had in flight may come again, but nothing is left out and nothing comes early.
    seqs.dedup();
    assert!(seqs == (2..=21).collect::<Vec<_>>() || seqs == (1..=21).collect::<Vec<_>>(), "{seqs:?}");
    fixture.outbox_is_empty().await;
    candidate.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_session_is_ended_begins_again() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let scope = fixture.new_scope().await;
    let relay = fixture.relay(&nats_url()).await;
    fixture.append(scope).await;
    events.until(scope, 1).await;
    let superuser = sqlx::PgPool::connect(&fixture.database.superuser_url).await.unwrap();
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE '% relay'",
    )
    .fetch_one(&superuser)
    .await
    .unwrap();
    assert_eq!(ended, 1);
    fixture.append(scope).await;
    events.until(scope, 2).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_commit_late_are_not_passed_over() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let relay = fixture.relay(&nats_url()).await;
    let (late, early) = (fixture.new_scope().await, fixture.new_scope().await);
    // As `Write::commit` does, but with time between the outbox row and the commit.
    let mut slow = fixture.log.begin_unlogged().await.unwrap();
    sqlx::query(
        "WITH scope AS (UPDATE scopes SET last_seq = 1 WHERE id = $1), event AS ( \
             INSERT INTO event_log (scope, seq, id, kind, payload) VALUES ($1, 1, $2, 'late', '') \
         ) INSERT INTO outbox (scope, seq) VALUES ($1, 1)",
    )
    .bind(late)
    .bind(Uuid::now_v7())
    .execute(slow.conn())
    .await
    .unwrap();
    fixture.append_many(early, 3).await;
    let heard = events.until(early, 3).await;
    assert_eq!(seqs_of(&heard, early), [1, 2, 3]);
    fixture.outbox_is_empty().await;
    slow.commit().await.unwrap();
    events.until(late, 1).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_outbox_is_drained_at_the_end() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let relay = fixture.relay(&nats_url()).await;
    let scope = fixture.new_scope().await;
    fixture.append(scope).await;
    events.until(scope, 1).await;
    fixture.append_many(scope, 100).await;
    relay.stop().await;
    assert_eq!(fixture.outbox().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stands_still_loses_the_lock_and_does_not_disturb_when_it_goes_on() {
    let fixture = Fixture::new().await;
    let mut events = fixture.subscribe(&nats_url()).await;
    let scope = fixture.new_scope().await;
    let stalling = StallingRelay::start(fixture.database.runtime_url.clone(), fixture.context);
    fixture.append(scope).await;
    events.until(scope, 1).await;
    fixture.outbox_is_empty().await;
    stalling.stand_still();
    let candidate = fixture.relay(&nats_url()).await;
    fixture.append_many(scope, 10).await;
    assert_eq!(seqs_of(&events.until(scope, 11).await, scope), (2..=11).collect::<Vec<_>>());
    stalling.go_on();
    fixture.append_many(scope, 10).await;
    assert_eq!(seqs_of(&events.until(scope, 21).await, scope), (12..=21).collect::<Vec<_>>());
    candidate.stop().await;
}

/// A relay in a runtime of one thread, which can be held as SIGSTOP holds a process.
struct StallingRelay {
    hold: tokio::sync::mpsc::UnboundedSender<std::sync::mpsc::Receiver<()>>,
    release: std::sync::Mutex<Option<std::sync::mpsc::Sender<()>>>,
}

impl StallingRelay {
    fn start(database: String, context: &'static str) -> Self {
        let (hold, mut holds) = tokio::sync::mpsc::unbounded_channel::<std::sync::mpsc::Receiver<()>>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let pool = trellis_eventlog::connect(&secret(&database), 2).await.unwrap();
                let log = trellis_eventlog::Log::open(pool, context, 1).await.unwrap();
                let relay = RunningRelay::start(log, &database, &nats_url()).await;
                while let Some(released) = holds.recv().await {
                    released.recv().ok();
                }
                relay.kill();
            });
        });
        Self { hold, release: std::sync::Mutex::default() }
    }

    fn stand_still(&self) {
        let (release, released) = std::sync::mpsc::channel();
        self.hold.send(released).unwrap();
        *self.release.lock().unwrap() = Some(release);
    }

    fn go_on(&self) {
        drop(self.release.lock().unwrap().take());
    }
}
