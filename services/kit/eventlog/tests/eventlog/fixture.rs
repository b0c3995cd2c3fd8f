//! A database with the schema, a log on it, relays and a subscriber.

use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use prost::Message as _;
use secrecy::SecretString;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trellis_eventlog::{Log, NewEvent, Relay, RelayConfig, connect, connect_nats, migrate};
use trellis_local::testing::{self, TestDatabase};
use trellis_proto::event::v1::{Event, Position};
use uuid::Uuid;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Fixture {
    pub log: Log,
    pub context: &'static str,
    pub database: TestDatabase,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with_writers(12).await
    }

    pub async fn with_writers(writers: usize) -> Self {
        let database = testing::database("org").unwrap();
        migrate(&secret(&database.owner_url), &schema()).await.unwrap();
        let pool = connect(&secret(&database.runtime_url), 16).await.unwrap();
        // Subjects are shared with everybody on this NATS; the word makes them this test's.
        let context: &'static str = Box::leak(format!("test{}", Uuid::now_v7().simple()).into_boxed_str());
        let log = Log::open(pool, context, writers).await.unwrap();
        Self { log, context, database }
    }

    /// Another replica: a pool and a log of its own.
    pub async fn replica(&self) -> Log {
        let pool = connect(&secret(&self.database.runtime_url), 4).await.unwrap();
        Log::open(pool, self.context, 2).await.unwrap()
    }

    pub async fn new_scope(&self) -> Uuid {
        let scope = Uuid::now_v7();
        sqlx::query("INSERT INTO scopes (id) VALUES ($1)").bind(scope).execute(self.log.pool()).await.unwrap();
        scope
    }

    pub async fn append(&self, scope: Uuid) -> Position {
        self.log.begin(scope).await.unwrap().commit(event()).await.unwrap()
    }

    pub async fn append_many(&self, scope: Uuid, events: usize) {
        for _ in 0..events {
            self.append(scope).await;
        }
    }

    pub async fn outbox(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(self.log.pool()).await.unwrap()
    }

    /// Of how many scopes something is still to be put into the outbox again.
    pub async fn republished_later(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM republish").fetch_one(self.log.pool()).await.unwrap()
    }

    /// And nothing is to be published again.
    pub async fn outbox_is_empty(&self) {
        let waiting = async || -> i64 {
            let sql = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM republish)";
            sqlx::query_scalar(sql).fetch_one(self.log.pool()).await.unwrap()
        };
        eventually("the outbox is empty", async || waiting().await == 0).await;
    }

    pub async fn relay(&self, nats: &str) -> RunningRelay {
        RunningRelay::start(self.log.clone(), &self.database.runtime_url, nats).await
    }

    pub async fn subscribe(&self, nats: &str) -> Events {
        let client = connect_client(nats).await;
        let subscriber = client.subscribe(format!("trellis.{}.>", self.context)).await.unwrap();
        // "Nobody answers" comes after the subscription has arrived.
        client.request("trellis-test.probe", "".into()).await.unwrap_err();
        Events { subscriber, _client: client }
    }
}

pub struct RunningRelay {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningRelay {
    pub async fn start(log: Log, database: &str, nats: &str) -> Self {
        let shutdown = CancellationToken::new();
        let nats = connect_nats(nats).await.unwrap();
        let config = RelayConfig { database_url: secret(database), nats };
        let task = tokio::spawn(Relay::run(log, config, shutdown.clone()));
        Self { shutdown, task }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// As a crash: no goodbye to anybody.
    pub fn kill(self) {
        self.task.abort();
    }
}

/// What a gateway hears.
pub struct Events {
    subscriber: Subscriber,
    _client: async_nats::Client,
}

impl Events {
    pub async fn next(&mut self) -> Event {
        let message = timeout(PATIENCE, self.subscriber.next()).await.expect("no event came").unwrap();
        let event = Event::decode(message.payload).unwrap();
        let headers = message.headers.unwrap();
        assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), event.id);
        assert!(message.subject.ends_with(&event.scope));
        event
    }

    pub async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }

    /// Reads until a scope's event has come, whatever comes before.
    pub async fn until(&mut self, scope: Uuid, seq: u64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let found = event.scope == scope.to_string() && event.seq == seq;
            events.push(event);
            if found {
                return events;
            }
        }
    }
}

/// A client that is connected already.
pub async fn connect_client(url: &str) -> async_nats::Client {
    loop {
        // A server that was just started may not listen yet.
        if let Ok(client) = async_nats::connect(url).await {
            return client;
        }
        tokio::task::yield_now().await;
    }
}

pub fn event() -> NewEvent {
    NewEvent { kind: "thing.happened", actor: Some(Uuid::now_v7()), subject: None, payload: b"payload".to_vec() }
}

pub fn seqs_of(events: &[Event], scope: Uuid) -> Vec<u64> {
    events.iter().filter(|event| event.scope == scope.to_string()).map(|event| event.seq).collect()
}

pub fn secret(url: &str) -> SecretString {
    SecretString::from(url)
}

pub fn nats_url() -> String {
    testing::nats_url().unwrap()
}

pub fn schema() -> Migrator {
    let files = [("eventlog", include_str!("../../schema.sql")), ("republish", include_str!("../../republish.sql"))];
    let migrations = files.into_iter().zip(1..).map(|((name, sql), number)| {
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Waits for a condition that nobody announces.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "waited in vain: {what}");
}
