//! Wiring: binds, waits for what it needs, serves, and stops in order.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;
use trellis_authn::{AuthnLayer, IdentityFeed, Memberships, ServiceKey, ServiceName, Sessions};
use trellis_eventlog::{Log, Relay, RelayConfig, connect, connect_nats, migrate, run_retention};
use trellis_proto::{
    identity::v1::identity_service_client::IdentityServiceClient,
    org::v1::org_service_client::OrgServiceClient,
    project::v1::project_service_server::{ProjectServiceServer, SERVICE_NAME},
};
use trellis_rpc::{Channel, Server};

use crate::{
    config::Config,
    grpc::ProjectGrpc,
    ops::{Leavings, Ops, keep_deleted_forgotten},
    people::People,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service's word in subjects.
const CONTEXT: &str = "project";
/// How often the log says what is waited for.
const SAY: Duration = Duration::from_secs(5);
/// For the relay to drain and the other tasks to end, after the last call.
const WIND_DOWN: Duration = Duration::from_secs(8);
/// For connections to close.
const CLOSING: Duration = Duration::from_secs(2);

/// A process that has its port, and answers there that it is not ready.
pub struct App {
    config: Config,
    server: Server,
}

/// Serves until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    Box::pin(App::bind(config).await?.run(shutdown)).await
}

impl App {
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let server = Server::bind(config.listen, &[SERVICE_NAME]).await?;
        tracing::info!(address = %server.address(), "listening");
        Ok(Self { config, server })
    }

    /// The bound address (for port 0).
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits for the database, identity and org, serves until `shutdown`, then ends what is in flight: 25 s at most.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { config, server } = self;
        let background = Background::default();
        let starting = Box::pin(start(&config, &background));
        let ended = match shutdown.run_until_cancelled(starting).await {
            Some(Ok((log, routes))) => {
                server.readiness().set(true).await;
                tracing::info!("ready");
                let ended = server.serve(routes, shutdown).await;
                background.end().await;
                if timeout(CLOSING, log.pool().close()).await.is_err() {
                    tracing::warn!("connections to the database did not close in time");
                }
                ended.map_err(Into::into)
            }
            Some(Err(error)) => Err(error),
            // Told to stop while it waited.
            None => Ok(()),
        };
        background.end().await;
        tracing::info!("stopped");
        ended
    }
}

/// Tasks that run beside the server and end after it.
#[derive(Default)]
struct Background {
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Background {
    async fn end(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        if timeout(WIND_DOWN, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "background tasks did not end in time");
        }
    }
}

/// Everything up to the first call that can be served. NATS may be down.
async fn start(config: &Config, background: &Background) -> anyhow::Result<(Log, Routes)> {
    let Background { tasks, shutdown } = background;
    let key = ServiceKey::new(ServiceName::Project, &config.service_key).map_err(anyhow::Error::msg)?;
    let log = open_database(config).await?;
    let nats = connect_nats(&config.nats_url).await.context("TRELLIS_NATS_URL")?;
    let relay = RelayConfig { database_url: config.database_url.clone(), nats: nats.clone() };
    tasks.spawn(Relay::run(log.clone(), relay, shutdown.clone()));
    tasks.spawn(run_retention(log.clone(), config.event_retention, shutdown.clone()));
    tasks.spawn(keep_deleted_forgotten(log.clone(), shutdown.clone()));

    let identity = IdentityServiceClient::new(Channel::new(&config.identity));
    let org = OrgServiceClient::new(Channel::new(&config.org));
    let feed = IdentityFeed::new(identity.clone(), key.clone());
    let sessions = Sessions::follow(feed, Some(nats.clone()), shutdown.clone());
    let memberships = Memberships::follow(org.clone(), key.clone(), Some(nats), shutdown.clone());
    waiting_for("identity: its keys and ended sessions", sessions.loaded()).await;
    waiting_for("org: its feed of memberships", memberships.loaded()).await;
    // Before the first project can be made: from here on no deleted organization is missed.
    let leavings = Leavings::new(log.clone(), org.clone(), key.clone());
    waiting_for("org: what was deleted meanwhile", leavings.catch_up_first()).await;
    tasks.spawn(leavings.follow(memberships.changes(), shutdown.clone()));

    let ops = Ops::new(log.clone(), memberships, People::new(org, identity, key));
    let authn = AuthnLayer::new(sessions, config.peers.clone());
    let service = ProjectServiceServer::new(ProjectGrpc::new(ops));
    Ok((log, Routes::new(authn.layer(service))))
}

async fn open_database(config: &Config) -> anyhow::Result<Log> {
    let owner = config.migration_database_url.as_ref().unwrap_or(&config.database_url);
    migrate(owner, &MIGRATIONS).await.context("the database cannot be migrated")?;
    let pool = connect(&config.database_url, config.connections).await.context("the database cannot be used")?;
    // A quarter of the connections is for reads alone.
    let writers = config.connections - (config.connections / 4).max(1);
    Ok(Log::open(pool, CONTEXT, writers as usize).await?)
}

/// Waits for as long as it takes, and says for what.
async fn waiting_for(what: &str, done: impl Future<Output = ()>) {
    tokio::pin!(done);
    while timeout(SAY, &mut done).await.is_err() {
        tracing::warn!("waiting for {what}");
    }
}
