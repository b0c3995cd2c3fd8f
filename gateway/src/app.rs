//! The state that every handler shares, how it is wired, and how it ends.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trellis_authn::{IdentityFeed, Memberships, ServiceKey, ServiceName, Sessions};

use crate::{
    clients::Clients,
    config::Config,
    graphql::{self, execute::Executor, http::Served},
    limits::{Forwarders, RateLimits},
    live::{self, Hub},
    people::People,
    router, serve,
};

/// Unready, but still serving: time for a load balancer to look away.
const LOOK_AWAY: Duration = Duration::from_secs(1);
/// For requests in flight (15 s at most) and for sockets, which close spread over some seconds.
const FINISH: Duration = Duration::from_secs(16);

/// What every handler may need. Routers carry it as `Arc<Gateway>` (`State(gateway): State<App>`).
pub struct Gateway {
    pub config: Config,
    /// Verifies access tokens; follows identity.
    pub sessions: Arc<Sessions>,
    /// Who is a member of what; follows org.
    pub memberships: Arc<Memberships>,
    /// Signs the calls that no user makes.
    pub service_key: ServiceKey,
    pub clients: Clients,
    /// Turns user ids into people.
    pub people: People,
    /// How often anybody may ask.
    pub limits: Arc<RateLimits>,
    /// Proxies that should perhaps be trusted.
    pub forwarders: Forwarders,
    /// The fast path of live events; nothing depends on it for being right.
    pub nats: Option<async_nats::Client>,
    pub shutdown: Shutdown,
    started: AtomicBool,
}

/// The shared state as axum carries it.
pub type App = Arc<Gateway>;

/// How the gateway stops, in three steps.
#[derive(Clone, Default)]
pub struct Shutdown {
    /// Unready from here on, but everything is still served, so that a load balancer can look away; answers say that
    /// they are the last of their connection.
    pub draining: CancellationToken,
    /// No new connection, no new socket; open sockets close with 1012, requests in flight finish, idle connections close.
    pub closing: CancellationToken,
    /// Nothing is served any more; what follows the services in the background ends.
    pub ended: CancellationToken,
    /// Every socket and connection that must be waited for.
    pub tasks: TaskTracker,
}

impl Gateway {
    /// Wires everything and begins to follow the services, which may start later than this.
    pub fn new(config: Config, nats: Option<async_nats::Client>) -> anyhow::Result<App> {
        let service_key = ServiceKey::new(ServiceName::Gateway, &config.service_key)
            .map_err(|why| anyhow::anyhow!("TRELLIS_SERVICE_KEY: {why}"))?;
        let clients = Clients::new(&config.identity, &config.org, &config.project);
        let shutdown = Shutdown::default();
        let feed = IdentityFeed::new(clients.identity.clone(), service_key.clone());
        Ok(Arc::new(Self {
            sessions: Sessions::follow(feed, nats.clone(), shutdown.ended.clone()),
            memberships: Memberships::follow(
                clients.org.clone(),
                service_key.clone(),
                nats.clone(),
                shutdown.ended.clone(),
            ),
            people: People::new(clients.clone(), service_key.clone()),
            limits: Arc::new(RateLimits::new(&config.rate_limits)),
            forwarders: Forwarders::default(),
            config,
            service_key,
            clients,
            nats,
            shutdown,
            started: AtomicBool::default(),
        }))
    }

    /// Whether it has known once all that it must know to serve. Until then another gateway is the one to ask.
    pub fn has_started(&self) -> bool {
        let started = self.started.load(Ordering::Relaxed) || (self.sessions.fresh() && self.memberships.fresh());
        if started {
            self.started.store(true, Ordering::Relaxed);
        }
        started
    }

    /// Everything that is served, with the hub behind its sockets.
    pub fn router(self: &Arc<Self>) -> Router {
        let sources = live::Sources {
            sessions: Arc::clone(&self.sessions),
            memberships: Arc::clone(&self.memberships),
            service_key: self.service_key.clone(),
            clients: self.clients.clone(),
            people: self.people.clone(),
            rates: Arc::clone(&self.limits),
            nats: self.nats.clone(),
            shutdown: self.shutdown.clone(),
        };
        let hub = Hub::start(sources, live::Limits::default());
        let introspection = self.config.graphql_introspection.0;
        let executor = Executor::new(graphql::schema::schema(hub.clone(), introspection), introspection);
        let served = Served { app: Arc::clone(self), hub: hub.clone(), executor };
        router::router(self, live::router(hub).merge(graphql::http::router(served)))
    }
}

/// Serves until `stop`, then ends in order: 25 s at most.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let nats = connect(&config.nats_url).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("TRELLIS_LISTEN: cannot listen on {}", config.listen))?;
    if config.rate_limits.is_off() {
        tracing::warn!("every rate limit is off (TRELLIS_RATE_LIMITS)");
    }
    let gateway = Gateway::new(config, Some(nats))?;
    serve_until(gateway, listener, stop).await
}

/// The part of a run that needs no NATS server, for tests, too.
pub async fn serve_until(gateway: App, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let shutdown = gateway.shutdown.clone();
    tokio::spawn(shutdown.ended.clone().run_until_cancelled_owned(tell_when_ready(Arc::clone(&gateway))));
    let serving = tokio::spawn(serve::serve(listener, gateway.router(), shutdown.clone()));

    stop.cancelled().await;
    shutdown.draining.cancel();
    tokio::time::sleep(LOOK_AWAY).await;
    shutdown.closing.cancel();
    serving.await?;
    shutdown.tasks.close();
    if tokio::time::timeout(FINISH, shutdown.tasks.wait()).await.is_err() {
        tracing::warn!(left = shutdown.tasks.len(), "connections did not finish in time");
    }
    shutdown.ended.cancel();
    tracing::info!("ended");
    Ok(())
}

/// Dependencies may start later; an operator wants to know what is waited for.
async fn tell_when_ready(gateway: App) {
    let waiting = Duration::from_secs(5);
    while tokio::time::timeout(waiting, gateway.sessions.loaded()).await.is_err() {
        tracing::warn!("waiting for the identity service (keys and ended sessions)");
    }
    while tokio::time::timeout(waiting, gateway.memberships.loaded()).await.is_err() {
        tracing::warn!("waiting for the org service (memberships)");
    }
    tracing::info!("ready");
}

/// Connects in the background, now and whenever it is lost.
async fn connect(urls: &str) -> anyhow::Result<async_nats::Client> {
    let urls: Vec<&str> = urls.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
    async_nats::ConnectOptions::new()
        .name("trellis-gateway")
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        // A connection that is cut off without a word is found within some seconds.
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(100).saturating_mul(u32::try_from(attempts.min(10)).unwrap_or(10))
        })
        .event_callback(async |event| tracing::info!(%event, "NATS"))
        .connect(&urls[..])
        .await
        .context("TRELLIS_NATS_URL")
}
