//! One cluster for the whole matrix, the people in it, and organizations to be attacked.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{runtime::Runtime, sync::Mutex as Turn};
use trellis_local::testing::TestCluster;
use trellis_tests::{Api, PASSWORD, Session};
use uuid::Uuid;

use crate::{matrix::Needs, proxy::Proxies};

pub use crate::{names::Names, victim::Victim};

pub struct World {
    /// The gateway.
    pub api: Api,
    /// In front of the services; the services and the gateway call each other through them.
    pub proxies: Proxies,
    /// Of each service, as superuser.
    pub databases: BTreeMap<&'static str, PgPool>,
    /// What identity signs access tokens with.
    pub signing_key: SigningKey,
    /// What the processes sign service tokens with.
    pub service_keys: BTreeMap<String, [u8; 32]>,
    /// ADMIN of another organization (`outside`), in which everything is named as in every victim's.
    pub outsider: Person,
    pub outside: Names,
    /// The calls that rows needed, as their positive controls showed: methods with a user's token.
    calls: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Clone)]
pub struct SigningKey {
    pub kid: String,
    pub seed: [u8; 32],
}

/// What is shown as who asks.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub scheme: &'static str,
    pub token: Option<String>,
}

/// A registered user with one open session.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub session: Uuid,
    pub token: String,
    pub refresh_token: String,
}

/// Runs a test in the world, alone: snapshots of the databases want that nobody else writes.
pub fn run<F: Future>(test: impl FnOnce(Arc<World>) -> F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static WORLD: OnceLock<Arc<World>> = OnceLock::new();
    static TURN: Turn<()> = Turn::const_new(());
    let runtime = RUNTIME.get_or_init(|| Runtime::new().unwrap());
    let _turn = runtime.block_on(TURN.lock());
    let world = WORLD.get_or_init(|| Arc::new(World::start(runtime)));
    runtime.block_on(test(Arc::clone(world)))
}

impl World {
    fn start(runtime: &Runtime) -> Self {
        let proxies = Proxies::start(runtime.handle());
        let (send, receive) = std::sync::mpsc::channel();
        let between = proxies.clone();
        // Children end with the thread that started them: this one stays until the process ends.
        thread::spawn(move || {
            let cluster = TestCluster::start_with(|_, environment| {
                environment.insert("TRELLIS_RATE_LIMITS".to_owned(), "off".to_owned());
                between.stand_in(environment);
            })
            .inspect(|cluster| {
                let databases = ["identity", "org", "project"].map(|name| {
                    let url = &cluster.cluster.processes[name].plan.environment["TRELLIS_DATABASE_URL"];
                    (name, url.rsplit_once('/').unwrap().1.to_owned())
                });
                send.send((cluster.cluster.url(), databases, cluster.secrets.clone())).ok();
            });
            let _cluster = cluster.expect("a cluster to attack");
            loop {
                thread::park();
            }
        });
        let (base, databases, secrets) = receive.recv().expect("the cluster starts");
        let service_keys = secrets.service_keys.iter().map(|(name, seed)| {
            (name.clone(), STANDARD.decode(seed).unwrap().try_into().expect("a seed has 32 bytes"))
        });
        runtime.block_on(async {
            let superuser = trellis_local::testing::database_url().unwrap();
            let server = superuser.rsplit_once('/').unwrap().0;
            let mut pools = BTreeMap::new();
            for (service, database) in databases {
                pools.insert(service, pool(&format!("{server}/{database}")).await);
            }
            let api = Api::new(base);
            // Registered and not made up, since everybody else copies the hash of this password.
            let session = api.register_with(json!({"name": "Original", "password": PASSWORD})).await;
            let signing_key = signing_key(&pools["identity"], &session).await;
            let nobody = Person {
                id: Uuid::nil(),
                email: String::new(),
                name: String::new(),
                session: Uuid::nil(),
                token: String::new(),
                refresh_token: String::new(),
            };
            let mut world = Self {
                api,
                proxies,
                databases: pools,
                signing_key,
                service_keys: service_keys.collect(),
                outsider: nobody,
                outside: Names::absent(),
                calls: Mutex::default(),
            };
            let outside = world.victim(Needs::Nobody("it attacks")).await;
            (world.outsider, world.outside) = (outside.admin, outside.names);
            world
        })
    }

    /// The calls that the proxies have seen since they forgot are those of this row.
    pub fn note_calls_of(&self, row: &str) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(row.to_owned(), self.proxies.seen());
    }

    /// The methods that a row needs, as its positive control showed; `None`: it was not done yet.
    pub fn calls_of(&self, row: &str) -> Option<BTreeSet<String>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(row).cloned()
    }
}

/// A few connections that stay: other tests want theirs of the same server.
async fn pool(url: &str) -> PgPool {
    let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_mins(1));
    options.connect(url).await.unwrap()
}

/// The key that signed a true token.
async fn signing_key(identity: &PgPool, session: &Session) -> SigningKey {
    let header = session.token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let kid = header["kid"].as_str().unwrap();
    let seed: Vec<u8> =
        sqlx::query_scalar("SELECT seed FROM signing_keys WHERE kid = $1").bind(kid).fetch_one(identity).await.unwrap();
    SigningKey::new(kid, seed.try_into().unwrap())
}

impl SigningKey {
    pub fn new(kid: &str, seed: [u8; 32]) -> Self {
        Self { kid: kid.to_owned(), seed }
    }
}

impl Credentials {
    pub fn none() -> Self {
        Self { scheme: "Bearer", token: None }
    }

    pub fn user(token: String) -> Self {
        Self { scheme: "Bearer", token: Some(token) }
    }

    pub fn service(token: String) -> Self {
        Self { scheme: "Service", token: Some(token) }
    }

    /// The value of an `Authorization` header.
    pub fn header(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("{} {token}", self.scheme))
    }
}
