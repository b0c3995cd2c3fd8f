//! A running service, from the bound port to the closed pool.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use sqlx::migrate::Migrator;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use trellis_eventlog::Log;
use trellis_rpc::Server;

use crate::{ServiceConfig, Start, background::Background};

/// For connections to close.
const CLOSING: Duration = Duration::from_secs(2);

type Wiring = Box<dyn FnOnce(Start) -> Pin<Box<dyn Future<Output = anyhow::Result<Routes>> + Send>> + Send>;

/// A process that has its port, and answers there that it is not ready.
pub struct Service {
    config: ServiceConfig,
    migrations: &'static Migrator,
    server: Server,
    wiring: Wiring,
}

impl Service {
    /// Binds the port. `names` are the full gRPC service names; `wiring` makes the routes, and may wait for others.
    pub async fn bind<W, R>(
        config: ServiceConfig,
        names: &'static [&'static str],
        migrations: &'static Migrator,
        wiring: W,
    ) -> anyhow::Result<Self>
    where
        W: FnOnce(Start) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<Routes>> + Send + 'static,
    {
        let server = Server::bind_over(config.listen, names, &config.tls).await?;
        tracing::info!(address = %server.address(), "listening");
        Ok(Self { config, migrations, server, wiring: Box::new(|start| Box::pin(wiring(start))) })
    }

    /// The bound address (for port 0).
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits for what it needs, serves until `shutdown`, then ends what is in flight: 25 s at most.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { config, migrations, server, wiring } = self;
        let background = Background::default();
        let starting = Box::pin(start(&config, migrations, wiring, background.clone()));
        let (ended, log) = match shutdown.run_until_cancelled(starting).await {
            Some(Ok((log, routes))) => {
                server.readiness().set(true).await;
                tracing::info!("ready");
                let served = Box::pin(server.serve(routes, shutdown)).await;
                (served.map_err(Into::into), Some(log))
            }
            Some(Err(error)) => (Err(error), None),
            // Told to stop while it waited.
            None => (Ok(()), None),
        };
        background.end().await;
        if let Some(log) = log
            && timeout(CLOSING, log.pool().close()).await.is_err()
        {
            tracing::warn!("connections to the database did not close in time");
        }
        tracing::info!("stopped");
        ended
    }
}

/// Everything up to the first call that can be served.
async fn start(
    config: &ServiceConfig,
    migrations: &Migrator,
    wiring: Wiring,
    background: Background,
) -> anyhow::Result<(Log, Routes)> {
    let start = Start::new(config, migrations, background).await?;
    let log = start.log.clone();
    Ok((log, wiring(start).await?))
}
