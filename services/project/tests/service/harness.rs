//! Starts the service on a database of its own, between neighbours of the test, and speaks to it as users do.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, service::Routes};
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER, ServiceKey, ServiceName};
use trellis_local::testing::TestDatabase;
use trellis_project::{app, config::Config};
use trellis_proto::{
    event::v1::{Event, Position},
    identity::v1::identity_service_server::IdentityServiceServer,
    org::v1::{Role, org_service_server::OrgServiceServer},
    project::v1::{
        CreateCommentRequest, CreateProjectRequest, CreateTaskRequest, ListNotificationsRequest,
        ListNotificationsResponse, Page, Project, ReadEventsRequest, Task,
        project_service_client::ProjectServiceClient,
    },
};
use trellis_rpc::{Channel, Code, Problem, Server};
use trellis_settings::Settings;
use uuid::Uuid;

use crate::neighbours::World;

const KID: &str = "test";
const TOKEN_SEED: [u8; 32] = [7; 32];
const GATEWAY_SEED: [u8; 32] = [8; 32];
const PROJECT_SEED: [u8; 32] = [9; 32];

pub type Client = ProjectServiceClient<Channel>;

/// A user with a token.
#[derive(Clone)]
pub struct Person {
    pub id: Uuid,
    token: String,
}

impl Person {
    pub fn new() -> Self {
        let id = Uuid::now_v7();
        let now = chrono::Utc::now().timestamp();
        let claims = AccessClaims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: id,
            sid: Uuid::now_v7(),
            jti: Uuid::now_v7(),
            iat: now,
            exp: now + 900,
        };
        let token = claims.sign(KID, &TOKEN_SEED).unwrap();
        Self { id, token: format!("Bearer {}", token.expose_secret()) }
    }

    /// A request by this user.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.token.parse().unwrap());
        request
    }
}

/// The service with two organizations: `acme` (ada is ADMIN, bob is MEMBER) and `other` (eve is ADMIN).
pub struct Harness {
    pub world: World,
    pub client: Client,
    pub address: SocketAddr,
    pub acme: Uuid,
    pub ada: Person,
    pub bob: Person,
    pub eve: Person,
    /// The superuser, for looking behind the service's back.
    pub db: PgPool,
    pub database: TestDatabase,
    neighbours: CancellationToken,
    neighbour_address: SocketAddr,
    running: Running,
    replicas: Vec<Running>,
}

struct Running {
    shutdown: CancellationToken,
    done: JoinHandle<anyhow::Result<()>>,
}

impl Harness {
    pub async fn start() -> Self {
        let (ada, bob, eve) = (Person::new(), Person::new(), Person::new());
        let world = World::new(KID, SigningKey::from_bytes(&TOKEN_SEED).verifying_key().to_bytes());
        let acme = world.add_organization("acme", &[(ada.id, Role::Admin), (bob.id, Role::Member)]);
        world.add_organization("other", &[(eve.id, Role::Admin)]);
        for (person, name) in [(&ada, "ada"), (&bob, "bob"), (&eve, "eve")] {
            world.add_user(person.id, &format!("{name}@example.org"));
        }
        let neighbours = CancellationToken::new();
        let neighbour_address = serve(world.clone(), neighbours.clone()).await;
        let database =
            tokio::task::spawn_blocking(|| trellis_local::testing::database("project")).await.unwrap().unwrap();
        let nats = trellis_local::testing::nats_url().unwrap();
        let (address, running) = run(&database, neighbour_address, &nats).await;
        let db = PgPool::connect(&database.superuser_url).await.unwrap();
        Self {
            world,
            client: client(address),
            address,
            acme,
            ada,
            bob,
            eve,
            db,
            database,
            neighbours,
            neighbour_address,
            running,
            replicas: Vec::new(),
        }
    }

    /// Ends the service as SIGTERM does.
    pub async fn stop_service(&mut self) {
        self.running.shutdown.cancel();
        (&mut self.running.done).await.unwrap().unwrap();
    }

    /// Starts it again on the same database.
    pub async fn start_service(&mut self, nats: &str) {
        let (address, running) = run(&self.database, self.neighbour_address, nats).await;
        self.client = client(address);
        self.address = address;
        self.running = running;
    }

    /// One more process on the same database; its client.
    pub async fn add_replica(&mut self) -> Client {
        let (address, running) =
            run(&self.database, self.neighbour_address, &trellis_local::testing::nats_url().unwrap()).await;
        self.replicas.push(running);
        client(address)
    }

    pub async fn end(mut self) {
        self.stop_service().await;
        for replica in self.replicas.drain(..) {
            replica.shutdown.cancel();
            replica.done.await.unwrap().unwrap();
        }
        self.neighbours.cancel();
        self.db.close().await;
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A request by the gateway itself.
    pub fn gateway<T: prost::Name>(message: T) -> Request<T> {
        ServiceKey::new(ServiceName::Gateway, &seed(GATEWAY_SEED)).unwrap().request(message)
    }

    pub async fn project(&self, name: &str) -> Project {
        let request = CreateProjectRequest { org: "acme".into(), name: name.into(), ..Default::default() };
        self.client().create_project(self.ada.ask(request)).await.unwrap().into_inner().project.unwrap()
    }

    pub async fn task(&self, project: &str, title: &str) -> Task {
        let request = CreateTaskRequest {
            org: "acme".into(),
            project: project.into(),
            title: title.into(),
            ..Default::default()
        };
        self.client().create_task(self.ada.ask(request)).await.unwrap().into_inner().task.unwrap()
    }

    /// A comment by bob; its id.
    pub async fn comment(&self, task_id: &str, content: &str) -> String {
        let request = CreateCommentRequest { org: "acme".into(), task_id: task_id.into(), content: content.into() };
        let answer = self.client().create_comment(self.bob.ask(request)).await.unwrap().into_inner();
        answer.comment.unwrap().id
    }

    /// All events of a scope, which must be numbered 1, 2, 3 …
    pub async fn events(&self, scope: &str) -> Vec<Event> {
        let request = ReadEventsRequest { scope: scope.into(), after: 0, limit: 500 };
        let answer = self.client().read_events(Self::gateway(request)).await.unwrap().into_inner();
        let numbers: Vec<_> = answer.events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=answer.head).collect::<Vec<_>>());
        answer.events
    }

    /// The position must be that of the scope's last event.
    pub async fn assert_at_head(&self, position: Option<Position>, scope: &str) {
        let position = position.expect("a position");
        let head = self.events(scope).await.len() as u64;
        assert_eq!((position.scope.as_str(), position.seq), (scope, head));
    }

    /// Until everything that is to be told was told.
    pub async fn settled(&self) {
        eventually("everybody is told", async || self.count("SELECT count(*) FROM undigested").await == 0).await;
    }

    pub async fn notifications(&self, person: &Person) -> ListNotificationsResponse {
        let request = ListNotificationsRequest { unread: false, page: Some(Page { limit: 100, ..Page::default() }) };
        self.client().list_notifications(person.ask(request)).await.unwrap().into_inner()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }
}

fn client(address: SocketAddr) -> Client {
    ProjectServiceClient::new(Channel::new(&format!("http://{address}").parse().unwrap()))
}

fn seed(seed: [u8; 32]) -> SecretString {
    STANDARD.encode(seed).into()
}

async fn serve(world: World, shutdown: CancellationToken) -> SocketAddr {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), &[]).await.unwrap();
    let address = server.address();
    let routes = Routes::new(OrgServiceServer::new(world.clone())).add_service(IdentityServiceServer::new(world));
    tokio::spawn(server.serve(routes, shutdown));
    address
}

async fn run(database: &TestDatabase, neighbours: SocketAddr, nats: &str) -> (SocketAddr, Running) {
    let public = |seed: [u8; 32]| STANDARD.encode(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
    let variables: HashMap<&str, String> = HashMap::from([
        ("TRELLIS_LISTEN", "127.0.0.1:0".to_owned()),
        ("TRELLIS_DATABASE_URL", database.runtime_url.clone()),
        ("TRELLIS_MIGRATION_DATABASE_URL", database.owner_url.clone()),
        ("TRELLIS_NATS_URL", nats.to_owned()),
        ("TRELLIS_IDENTITY_URL", format!("http://{neighbours}")),
        ("TRELLIS_ORG_URL", format!("http://{neighbours}")),
        ("TRELLIS_SERVICE_KEY", STANDARD.encode(PROJECT_SEED)),
        ("TRELLIS_PEER_KEYS", format!("gateway={}", public(GATEWAY_SEED))),
    ]);
    let source = Box::new(move |name: &str| variables.get(name).cloned());
    let mut settings = Settings::from_source(source);
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    let service = app::bind(config).await.unwrap();
    let address = service.address();
    let shutdown = CancellationToken::new();
    let done = tokio::spawn(service.run(shutdown.clone()));
    let ready = async {
        while !trellis_rpc::is_ready(address).await {
            assert!(!done.is_finished(), "the service ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("ready in time");
    (address, Running { shutdown, done })
}

/// What a refusal says.
pub trait Refused {
    fn problem(self) -> Problem;
    fn code(self) -> Code;
    /// The code and what is blamed: fields, or what was not found.
    fn blames(self) -> (Code, Vec<String>);
}

impl<T: std::fmt::Debug> Refused for Result<T, Status> {
    fn problem(self) -> Problem {
        Problem::from(&self.expect_err("a refusal"))
    }

    fn code(self) -> Code {
        self.problem().code
    }

    fn blames(self) -> (Code, Vec<String>) {
        let problem = self.problem();
        let fields = problem.fields.iter().map(|field| format!("{}:{}", field.field, field.code)).collect();
        (problem.code, fields)
    }
}

/// Until it holds; 30 s at most.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(), "{what}");
}
