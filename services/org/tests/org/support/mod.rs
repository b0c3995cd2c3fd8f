//! One org service of a test's own: its database, its port, its identity.

mod identity;
mod people;

use std::{net::SocketAddr, time::Duration};

use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code as GrpcCode, Request, Response, Status};
use trellis_authn::{ServiceKey, ServiceName};
use trellis_local::testing::{self, TestDatabase};
use trellis_org::{app, config::Config};
use trellis_proto::org::v1::{MembershipChange, Role};
use trellis_rpc::{Code, IdempotencyKey, Problem};
use trellis_settings::Settings;
use uuid::Uuid;

pub use identity::Identity;
pub use people::{Client, Person, client, given, new_organization};

/// A running service.
pub struct Org {
    pub address: SocketAddr,
    pub identity: Identity,
    /// Straight into the database, as its superuser.
    pub db: PgPool,
    keys: Vec<(ServiceName, ServiceKey)>,
    config: Config,
    stop: CancellationToken,
    running: Option<JoinHandle<anyhow::Result<()>>>,
    replicas: Vec<JoinHandle<anyhow::Result<()>>>,
    // Dropped with this value.
    _database: TestDatabase,
}

/// What a service is started with, before it is.
pub struct Prepared {
    pub identity: Identity,
    pub variables: Vec<(&'static str, String)>,
    pub keys: Vec<(ServiceName, ServiceKey)>,
    pub database: TestDatabase,
}

impl Prepared {
    pub async fn new() -> Self {
        let database = testing::database("org").unwrap();
        let identity = Identity::start().await;
        let seeds = ServiceName::ALL.map(|name| (name, ServiceKey::generate_seed()));
        let keys: Vec<_> = seeds.iter().map(|(name, seed)| (*name, ServiceKey::new(*name, seed).unwrap())).collect();
        let peers: Vec<_> = keys.iter().map(|(name, key)| format!("{name}={}", key.public_key_base64())).collect();
        let own = seeds.iter().find(|(name, _)| *name == ServiceName::Org).map(|(_, seed)| seed).unwrap();
        let variables = vec![
            ("TRELLIS_LISTEN", "127.0.0.1:0".to_owned()),
            ("TRELLIS_DATABASE_URL", database.runtime_url.clone()),
            ("TRELLIS_MIGRATION_DATABASE_URL", database.owner_url.clone()),
            ("TRELLIS_DATABASE_CONNECTIONS", "8".to_owned()),
            ("TRELLIS_NATS_URL", testing::nats_url().unwrap()),
            ("TRELLIS_IDENTITY_URL", format!("http://{}", identity.address)),
            ("TRELLIS_SERVICE_KEY", secrecy::ExposeSecret::expose_secret(own).to_owned()),
            ("TRELLIS_PEER_KEYS", peers.join(",")),
            ("TRELLIS_INVITATION_SECRET", "a secret of the tests, long enough".to_owned()),
        ];
        Self { identity, variables, keys, database }
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    pub fn config(&self) -> Config {
        let variables = self.variables.clone();
        let source = move |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.clone())
        };
        let mut settings = Settings::from_source(Box::new(source));
        let config = Config::read(&mut settings);
        settings.finish().unwrap();
        config
    }

    /// Starts it and does not wait.
    pub async fn start(self) -> Org {
        let config = self.config();
        let service = app::bind(config.clone()).await.unwrap();
        let stop = CancellationToken::new();
        Org {
            address: service.address(),
            db: PgPool::connect_lazy(&self.database.superuser_url).unwrap(),
            running: Some(tokio::spawn(service.run(stop.clone()))),
            identity: self.identity,
            keys: self.keys,
            config,
            stop,
            replicas: Vec::new(),
            _database: self.database,
        }
    }
}

impl Org {
    pub async fn start() -> Self {
        let org = Prepared::new().await.start().await;
        org.ready().await;
        org
    }

    pub async fn ready(&self) {
        let ready = async {
            while !trellis_rpc::is_ready(self.address).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the service becomes ready");
    }

    /// One more process on the same database. When it starts, it sweeps.
    pub async fn add_replica(&mut self) {
        let service = app::bind(self.config.clone()).await.unwrap();
        self.replicas.push(tokio::spawn(service.run(CancellationToken::new())));
    }

    /// Ends it as SIGTERM does.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap()
    }

    /// Someone with an account and a client of their own.
    pub async fn person(&self, email: &str) -> Person {
        let id = self.identity.add(email);
        Person::new(id, email, client(self.address, &Identity::header(id)).await)
    }

    /// Someone who made an organization with that slug.
    pub async fn admin(&self, slug: &str) -> Person {
        let person = self.person(&format!("admin@{slug}.example")).await;
        person.create(slug).await.unwrap();
        person
    }

    /// A client of another process.
    pub async fn service(&self, name: ServiceName) -> Client {
        let key = self.keys.iter().find(|(known, _)| *known == name).map(|(_, key)| key).unwrap();
        let request = key.request(trellis_proto::org::v1::JoinRequest::default());
        client(self.address, request.metadata().get("authorization").unwrap()).await
    }

    /// Makes someone a member without an invitation.
    pub async fn add(&self, slug: &str, person: &Person, role: Role) {
        let role = role.as_str_name().trim_start_matches("ROLE_");
        sqlx::query(
            "INSERT INTO members (org_id, user_id, role) SELECT org_id, $2, $3 FROM organizations WHERE slug = $1",
        )
        .bind(slug)
        .bind(person.id)
        .bind(role)
        .execute(&self.db)
        .await
        .unwrap();
    }

    /// An OPEN organization that has no member yet.
    pub async fn add_empty(&self, slug: &str) -> Uuid {
        sqlx::query_scalar(
            "INSERT INTO organizations (org_id, name, slug, contact_email, join_policy)
             VALUES (gen_random_uuid(), $1, $1, $1 || '@empty.example', 'OPEN') RETURNING org_id",
        )
        .bind(slug)
        .fetch_one(&self.db)
        .await
        .unwrap()
    }

    /// The log from a number on: kinds, actors and payloads.
    pub async fn events(&self, after: i64) -> Vec<(String, Option<Uuid>, MembershipChange)> {
        let rows: Vec<(String, Option<Uuid>, Vec<u8>)> =
            sqlx::query_as("SELECT kind, actor_id, payload FROM event_log WHERE seq > $1 ORDER BY seq")
                .bind(after)
                .fetch_all(&self.db)
                .await
                .unwrap();
        let decode = |payload: Vec<u8>| prost::Message::decode(&*payload).unwrap();
        rows.into_iter().map(|(kind, actor, payload)| (kind, actor, decode(payload))).collect()
    }

    /// Waits until a count is what it should be.
    pub async fn eventually(&self, sql: &'static str, expected: i64) {
        let reached = async {
            while sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.db).await.unwrap() != expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(30), reached).await;
        assert!(reached.is_ok(), "{sql} is never {expected}");
    }

    /// The number of the last event.
    pub async fn head(&self) -> i64 {
        sqlx::query_scalar("SELECT last_seq FROM scopes").fetch_one(&self.db).await.unwrap()
    }
}

impl Drop for Org {
    fn drop(&mut self) {
        // The database goes next, by force: nothing needs to end in order.
        for running in self.running.take().into_iter().chain(self.replicas.drain(..)) {
            running.abort();
        }
    }
}

/// Why a call was refused.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> Problem {
    let status = result.expect_err("a refusal");
    assert_ne!(status.code(), GrpcCode::Unknown);
    Problem::from(&status)
}

/// The code, and the fields with theirs.
#[track_caller]
pub fn blame<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, Vec<(String, String)>) {
    let problem = refused(result);
    (problem.code, problem.fields.into_iter().map(|field| (field.field, field.code)).collect())
}

/// `(code, resource)`, for what is not there.
#[track_caller]
pub fn missing<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let problem = refused(result);
    (problem.code, problem.resource)
}

/// All that a client could tell two refusals apart by.
#[track_caller]
pub fn bare<T: std::fmt::Debug>(result: Result<T, Status>) -> (GrpcCode, String, Vec<u8>) {
    let status = result.expect_err("a refusal");
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// A request with an idempotency key, as the gateway sends it.
pub fn keyed<T>(key: &str, body: u8, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let key = IdempotencyKey { key: key.to_owned(), operation: "POST /test".to_owned(), fingerprint: [body; 32] };
    key.attach(&mut request);
    request
}

pub fn replayed<T>(response: &Response<T>) -> bool {
    trellis_rpc::was_replayed(response)
}
