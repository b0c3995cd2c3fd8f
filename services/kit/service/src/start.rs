//! What happens between the bound port and the service's own wiring.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::migrate::Migrator;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trellis_authn::ServiceKey;
use trellis_eventlog::{Log, Relay, RelayConfig, connect, connect_nats, migrate, run_retention};

use crate::{ServiceConfig, background::Background};

/// How often the log says what is waited for.
const SAY: Duration = Duration::from_secs(5);

/// What a service's wiring begins with: the database is there and migrated, relay and retention are at work.
pub struct Start {
    pub log: Log,
    /// Connects when it can: NATS may be down.
    pub nats: async_nats::Client,
    /// Signs calls in the service's name.
    pub key: ServiceKey,
    background: Background,
}

impl Start {
    pub(crate) async fn new(
        config: &ServiceConfig,
        migrations: &Migrator,
        background: Background,
    ) -> anyhow::Result<Self> {
        let key = config.key()?;
        let log = open_database(config, migrations).await?;
        let nats = connect_nats(&config.nats_url).await.context("TRELLIS_NATS_URL")?;
        let start = Self { log, nats, key, background };
        let relay = RelayConfig { database_url: config.database_url.clone(), nats: start.nats.clone() };
        start.spawn(Relay::run(start.log.clone(), relay, start.shutdown()));
        start.spawn(run_retention(start.log.clone(), config.event_retention, start.shutdown()));
        Ok(start)
    }

    /// A task that runs beside the server. It must end soon after [`shutdown`](Self::shutdown).
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.background.tasks.spawn(task);
    }

    /// Cancelled when the last call is done: what runs in the background ends then.
    pub fn shutdown(&self) -> CancellationToken {
        self.background.shutdown.clone()
    }
}

async fn open_database(config: &ServiceConfig, migrations: &Migrator) -> anyhow::Result<Log> {
    let owner = config.migration_database_url.as_ref().unwrap_or(&config.database_url);
    migrate(owner, migrations).await.context("the database cannot be migrated")?;
    let pool = connect(&config.database_url, config.connections).await.context("the database cannot be used")?;
    // A quarter of the connections is for reads alone.
    let writers = config.connections - (config.connections / 4).max(1);
    Ok(Log::open(pool, config.name.as_str(), writers as usize).await?)
}

/// Waits for as long as it takes, and says for what.
pub async fn waiting_for(what: &str, done: impl Future<Output = ()>) {
    tokio::pin!(done);
    while timeout(SAY, &mut done).await.is_err() {
        tracing::warn!("waiting for {what}");
    }
}
