//! Wiring: binds, waits for what it needs, serves, and stops in order.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;
use trellis_authn::{AuthnLayer, IdentityFeed, Sessions};
use trellis_eventlog::{Log, Relay, RelayConfig, connect, migrate, run_retention};
use trellis_proto::{
    identity::v1::identity_service_client::IdentityServiceClient,
    org::v1::org_service_server::{OrgServiceServer, SERVICE_NAME},
};
use trellis_rpc::{Channel, Server};

use crate::{MIGRATIONS, config::Config, grpc::OrgGrpc, ops::Ops, people::People};

/// The service's word in subjects.
const CONTEXT: &str = "org";
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
    App::bind(config).await?.run(shutdown).await
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

    /// Waits for the database and identity, serves until `shutdown`, then ends what is in flight: 25 s at most.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { config, server } = self;
        let background = Background::default();
        let Some(started) = shutdown
            .run_until_cancelled(start(&config, &background))
            .await
        else {
            background.end().await;
            return Ok(());
        };
        let (log, routes) = started?;
        server.readiness().set(true).await;
        tracing::info!("ready");
        let served = server.serve(routes, shutdown).await;
        background.end().await;
        if tokio::time::timeout(CLOSING, log.pool().close())
            .await
            .is_err()
        {
            tracing::warn!("connections to the database did not close in time");
        }
        Ok(served?)
    }
}

/// Tasks that run beside the server and end after it.
#[derive(Default)]
struct Background {
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Background {
    async fn end(self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(WIND_DOWN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "background tasks did not end in time"
            );
        }
    }
}

/// Everything up to the first call that can be served. NATS may be down.
async fn start(config: &Config, background: &Background) -> anyhow::Result<(Log, Routes)> {
    let Background { tasks, shutdown } = background;
    migrate(&config.migration_database_url, &MIGRATIONS)
        .await
        .context("could not migrate the database")?;
    let pool = connect(&config.database_url, config.database_connections).await?;
    let log = Log::open(pool, CONTEXT, writers(config.database_connections)).await?;
    let nats = connect_nats(&config.nats_url).await?;
    let relay = RelayConfig {
        database_url: config.database_url.clone(),
        nats: nats.clone(),
    };
    tasks.spawn(Relay::run(log.clone(), relay, shutdown.clone()));
    tasks.spawn(run_retention(
        log.clone(),
        config.event_retention,
        shutdown.clone(),
    ));

    let identity = IdentityServiceClient::new(Channel::new(&config.identity));
    let feed = IdentityFeed::new(identity.clone(), config.service_key.clone());
    let sessions = Sessions::follow(feed, Some(nats), shutdown.clone());
    wait_for_identity(&sessions).await;

    let people = People::new(identity, config.service_key.clone());
    let ops = Ops::new(log.clone(), people, config.invitation_key.clone());
    let authn = AuthnLayer::new(sessions, config.peer_keys.clone());
    let service = OrgServiceServer::new(OrgGrpc::new(ops));
    Ok((log, Routes::new(authn.layer(service))))
}

/// Nobody can be let in before it is known whose tokens are good.
async fn wait_for_identity(sessions: &Sessions) {
    while tokio::time::timeout(SAY, sessions.loaded()).await.is_err() {
        tracing::warn!("waiting for identity: its keys and ended sessions");
    }
}

/// A quarter of the connections stays free for reads.
fn writers(connections: u32) -> usize {
    usize::try_from(connections - connections.div_ceil(4)).unwrap_or(1)
}

/// Does not wait for NATS: the client connects when it can.
async fn connect_nats(url: &str) -> anyhow::Result<async_nats::Client> {
    async_nats::ConnectOptions::new()
        .name("trellis-org")
        .retry_on_initial_connect()
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(100).saturating_mul(u32::try_from(attempts.min(10)).unwrap_or(10))
        })
        .event_callback(|event| async move { tracing::info!(%event, "NATS") })
        .connect(url)
        .await
        .context("TRELLIS_NATS_URL")
}
