//! Publishes the outbox to JetStream: one leader per database, in order within a scope, again until acknowledged.

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::Log;

/// How the relay reaches its database and NATS.
pub struct RelayConfig {
    /// For the dedicated connection that holds the lock.
    pub database_url: SecretString,
    pub nats: async_nats::Client,
}

pub struct Relay;

impl Relay {
    /// Runs until `shutdown`, then drains what the outbox holds (at most 5 s). Never fails: it waits and tries again.
    pub async fn run(_log: Log, _config: RelayConfig, _shutdown: CancellationToken) {
        unimplemented!()
    }
}
