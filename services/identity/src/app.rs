//! Wiring: what the service's calls are made of, and what runs beside them.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::{SecondsFormat, TimeDelta};
use tokio::time::timeout;
use tonic::service::Routes;
use trellis_authn::{AuthnLayer, Sessions};
use trellis_eventlog::Log;
use trellis_proto::identity::v1::identity_service_server::{IdentityServiceServer, SERVICE_NAME};
use trellis_rpc::Channel;
use trellis_service::{Service, Start};

use crate::{
    config::Config,
    domain::TokenSecret,
    grpc::IdentityGrpc,
    ops::{Hasher, Keyring, Lifetimes, Ops, Org, SessionFeed, rotate_keys as rotate},
};

/// A command waits for the database for so long.
const PATIENCE: Duration = Duration::from_secs(30);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A process that has its port, and answers there that it is not ready.
pub async fn bind(config: Config) -> anyhow::Result<Service> {
    let service = config.service.clone();
    Service::bind(service, &[SERVICE_NAME], &MIGRATIONS, |start| wire(start, config)).await
}

/// What the command that rotates the signing keys says when it is done.
pub async fn rotate_keys(config: Config) -> anyhow::Result<String> {
    let rotated = async {
        let pool = trellis_eventlog::connect(&config.service.database_url, 2).await?;
        let log = Log::open(pool, config.service.name.as_str(), 1).await?;
        let key = rotate(&log).await?;
        log.pool().close().await;
        anyhow::Ok(key)
    };
    let key = timeout(PATIENCE, rotated).await.context("the database does not answer")??;
    let is = if key.was_there { "was already published" } else { "is published" };
    let from = key.signs_from.to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(format!("key {} {is}, and signs from {from}", key.kid))
}

/// Waits for nobody: the revocations that identity follows are its own.
async fn wire(start: Start, config: Config) -> anyhow::Result<Routes> {
    let log = start.log.clone();
    let keyring = Keyring::open(&log).await?;
    let sessions = Sessions::follow(SessionFeed::new(log.clone()), Some(start.nats.clone()), start.shutdown());
    let ops = Arc::new(Ops {
        log,
        hasher: Hasher::new()?,
        keyring,
        sessions: Arc::clone(&sessions),
        org: Org::new(Channel::new(&config.org), start.key.clone()),
        token_secret: TokenSecret::new(config.token_secret).context("the token secret is too short")?,
        lifetimes: Lifetimes {
            access: TimeDelta::from_std(config.access_token_ttl)?,
            long_access: TimeDelta::from_std(config.long_access_token_ttl)?,
        },
    });
    sessions.loaded().await;

    let (keeper, sweeper, shutdown) = (Arc::clone(&ops), Arc::clone(&ops), start.shutdown());
    start.spawn(async move { keeper.keyring.keep_current(&keeper.log, shutdown).await });
    let shutdown = start.shutdown();
    start.spawn(async move { sweeper.keep_swept(shutdown).await });

    let authn = AuthnLayer::new(sessions, config.service.peers);
    Ok(Routes::new(authn.layer(IdentityServiceServer::new(IdentityGrpc::new(ops)))))
}
