//! One running identity service with a database of its own, and who calls it.

use std::{net::SocketAddr, time::Duration};

use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code as GrpcCode, Request, Status};
use trellis_authn::{ServiceKey, ServiceName};
use trellis_identity::{app, config::Config};
use trellis_local::testing::{self, TestDatabase};
use trellis_proto::identity::v1::{
    ClientInfo, GetMeRequest, LoginRequest, RefreshRequest, RegisterRequest, Tokens,
    identity_service_client::IdentityServiceClient,
};
use trellis_rpc::{Channel, Problem};
use trellis_settings::Settings;

use crate::fake_org::FakeOrg;

pub const PASSWORD: &str = "correct horse battery";

pub type Client = IdentityServiceClient<Channel>;

pub struct World {
    pub client: Client,
    pub gateway: ServiceKey,
    /// Of every process, the gateway's too.
    pub keys: Vec<ServiceKey>,
    pub org: FakeOrg,
    /// The superuser, to look behind the curtain and to turn clocks back.
    pub pool: PgPool,
    pub config: Config,
    /// What the config was read from.
    pub variables: Vec<(&'static str, String)>,
    replicas: Vec<Replica>,
    // Last: dropped when nobody uses it any more.
    _database: TestDatabase,
}

struct Replica {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl World {
    pub async fn start() -> Self {
        let database = tokio::task::spawn_blocking(|| testing::database("identity")).await.unwrap().unwrap();
        let identity_seed = ServiceKey::generate_seed();
        let keys = ServiceName::ALL.map(|name| match name {
            ServiceName::Identity => ServiceKey::new(name, &identity_seed).unwrap(),
            _ => ServiceKey::new(name, &ServiceKey::generate_seed()).unwrap(),
        });
        let gateway = keys[ServiceName::Gateway as usize].clone();
        let peers = keys.iter().map(|key| format!("{}={}", key.name(), key.public_key_base64()));
        let peers = peers.collect::<Vec<_>>().join(",");
        let org = FakeOrg::start(peers.parse().unwrap()).await;
        let variables = vec![
            ("TRELLIS_LISTEN", "127.0.0.1:0".to_owned()),
            ("TRELLIS_DATABASE_URL", database.runtime_url.clone()),
            ("TRELLIS_MIGRATION_DATABASE_URL", database.owner_url.clone()),
            ("TRELLIS_DATABASE_CONNECTIONS", "8".to_owned()),
            ("TRELLIS_NATS_URL", testing::nats_url().unwrap()),
            ("TRELLIS_SERVICE_KEY", identity_seed.expose_secret().to_owned()),
            ("TRELLIS_PEER_KEYS", peers),
            ("TRELLIS_ORG_URL", format!("http://{}", org.address)),
            ("TRELLIS_TOKEN_SECRET", "a secret that only the tests know".to_owned()),
        ];
        let given = variables.clone();
        let mut settings = Settings::from_source(Box::new(move |name| {
            let (_, value) = given.iter().find(|(known, _)| *known == name)?;
            Some(value.clone())
        }));
        let config = Config::read(&mut settings);
        settings.finish().unwrap();
        let pool = PgPool::connect(&database.superuser_url).await.unwrap();
        let (replica, client) = Replica::start(config.clone()).await;
        Self {
            client,
            gateway,
            keys: keys.to_vec(),
            org,
            pool,
            config,
            variables,
            replicas: vec![replica],
            _database: database,
        }
    }

    /// One more process on the same database. When it starts, it sweeps.
    pub async fn add_replica(&mut self) -> Client {
        let (replica, client) = Replica::start(self.config.clone()).await;
        self.replicas.push(replica);
        client
    }

    /// Ends in good order, so that the database can be dropped.
    pub async fn end(self) {
        for replica in self.replicas {
            replica.shutdown.cancel();
            replica.task.await.unwrap().unwrap();
        }
        self.pool.close().await;
    }

    pub fn as_gateway<T: prost::Name>(&self, message: T) -> Request<T> {
        self.gateway.request(message)
    }

    pub async fn register(&self, email: &str) -> Result<Tokens, Problem> {
        self.register_as(registration(email)).await
    }

    pub async fn register_as(&self, request: RegisterRequest) -> Result<Tokens, Problem> {
        let answer = self.client.clone().register(self.as_gateway(request)).await?;
        Ok(answer.into_inner().tokens.unwrap())
    }

    pub async fn login(&self, email: &str, password: &str) -> Result<Tokens, Problem> {
        let request =
            LoginRequest { email: email.into(), password: password.into(), client: Some(browser()), long_lived: false };
        Ok(self.client.clone().login(self.as_gateway(request)).await?.into_inner().tokens.unwrap())
    }

    pub async fn refresh(&self, token: &str) -> Result<Tokens, Problem> {
        let request = RefreshRequest { refresh_token: token.into(), client: Some(browser()) };
        Ok(self.client.clone().refresh(self.as_gateway(request)).await?.into_inner().tokens.unwrap())
    }

    /// Whether an access token is still good.
    pub async fn is_signed_in(&self, tokens: &Tokens) -> bool {
        match self.client.clone().get_me(as_user(tokens, GetMeRequest {})).await {
            Ok(_) => true,
            Err(status) if status.code() == GrpcCode::Unauthenticated => false,
            Err(status) => panic!("{status:?}"),
        }
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }

    /// Waits until a count is what it should be.
    pub async fn eventually(&self, sql: &'static str, expected: i64) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while self.count(sql).await != expected {
            assert!(tokio::time::Instant::now() < deadline, "{sql} is never {expected}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Replica {
    async fn start(config: Config) -> (Self, Client) {
        let service = app::bind(config).await.unwrap();
        let address = service.address();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(service.run(shutdown.clone()));
        wait_until_ready(address).await;
        let channel = Channel::new(&format!("http://{address}").parse().unwrap());
        (Self { shutdown, task }, IdentityServiceClient::new(channel))
    }
}

pub async fn wait_until_ready(address: SocketAddr) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !trellis_rpc::is_ready(address).await {
        assert!(tokio::time::Instant::now() < deadline, "not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn registration(email: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.into(),
        password: PASSWORD.into(),
        name: "Ann".into(),
        client: Some(browser()),
        ..RegisterRequest::default()
    }
}

pub fn browser() -> ClientInfo {
    ClientInfo { user_agent: "Firefox".into(), ip: "192.0.2.1".into() }
}

pub fn as_user<T>(tokens: &Tokens, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {}", tokens.access_token).parse().unwrap());
    request
}

pub fn code(status: &Status) -> &'static str {
    Problem::from(status).code.as_str()
}

/// `(field, code)` of each.
pub fn fields(problem: &Problem) -> Vec<(&str, &str)> {
    problem.fields.iter().map(|field| (field.field.as_str(), field.code.as_str())).collect()
}
