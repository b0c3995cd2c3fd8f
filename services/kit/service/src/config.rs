//! The settings that every service has.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use trellis_authn::{PeerKeys, ServiceKey, ServiceName};
use trellis_rpc::Tls;
use trellis_settings::{Settings, Span};
use trellis_telemetry::TelemetryConfig;

const SERVICE_KEY: &str = "TRELLIS_SERVICE_KEY";
const CONNECTIONS: &str = "TRELLIS_DATABASE_CONNECTIONS";

/// Read from the environment; a service's own `Config` holds it beside what only that service has.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    pub name: ServiceName,
    pub listen: SocketAddr,
    /// The role that runs.
    pub database_url: SecretString,
    /// The role that owns the tables; the other one where it is not set.
    pub migration_database_url: Option<SecretString>,
    pub connections: u32,
    pub event_retention: Duration,
    pub nats_url: String,
    /// An Ed25519 seed in base64.
    pub service_key: SecretString,
    pub peers: PeerKeys,
    /// Between this process and the others.
    pub tls: Tls,
    pub telemetry: TelemetryConfig,
}

impl ServiceConfig {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings, name: ServiceName, default_port: u16) -> Self {
        let config = Self {
            name,
            listen: settings.or(
                "TRELLIS_LISTEN",
                SocketAddr::from(([127, 0, 0, 1], default_port)),
                "Address and port of gRPC",
            ),
            database_url: settings.secret(
                "TRELLIS_DATABASE_URL",
                "PostgreSQL, as the role that runs: `postgres://role:password@host/database`",
            ),
            migration_database_url: settings.optional_secret(
                "TRELLIS_MIGRATION_DATABASE_URL",
                "The same database as the role that owns the tables and migrates; where unset, the role that runs does",
            ),
            connections: settings.or(CONNECTIONS, 16, "The most connections to PostgreSQL that are open at once"),
            event_retention: settings
                .or(
                    "TRELLIS_EVENT_RETENTION",
                    Span(Duration::from_hours(7 * 24)),
                    "How long events are kept for who reads them later",
                )
                .0,
            nats_url: settings.or(
                "TRELLIS_NATS_URL",
                "nats://127.0.0.1:4222".to_owned(),
                "Where events are published; while it is away they wait in the database",
            ),
            service_key: settings
                .secret(SERVICE_KEY, "Signs the calls that no user makes: an Ed25519 seed, 32 bytes in base64"),
            peers: settings.required(
                "TRELLIS_PEER_KEYS",
                "The public keys of the processes that may call: `gateway=…,identity=…,org=…,project=…`, base64",
            ),
            tls: Tls::read(settings, name.as_str()),
            telemetry: TelemetryConfig::read(settings),
        };
        config.check(settings);
        config
    }

    fn check(&self, settings: &mut Settings) {
        if let Err(why) = ServiceKey::new(self.name, &self.service_key) {
            settings.refuse(SERVICE_KEY, why);
        }
        if self.connections < 2 {
            settings.refuse(CONNECTIONS, "must be at least 2: writers leave one for readers");
        }
    }

    /// Signs calls in this service's name.
    pub(crate) fn key(&self) -> anyhow::Result<ServiceKey> {
        ServiceKey::new(self.name, &self.service_key).map_err(anyhow::Error::msg)
    }
}

/// For each service's tests: its README shows what the process itself says of its variables.
pub fn assert_readme_has_table<C>(readme: &str, read: impl FnOnce(&mut Settings) -> C) {
    let mut settings = Settings::from_source(Box::new(|_| None));
    read(&mut settings);
    let table = settings.table();
    assert!(readme.contains(table.trim()), "`make generate` writes this table:\n{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let mut settings = Settings::from_source(Box::new(|name| {
            let value = match name {
                SERVICE_KEY => "short",
                "TRELLIS_EVENT_RETENTION" => "a week",
                CONNECTIONS => "1",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let _ = ServiceConfig::read(&mut settings, ServiceName::Org, 7002);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        let refused =
            ["TRELLIS_DATABASE_URL", "TRELLIS_EVENT_RETENTION", "TRELLIS_PEER_KEYS", SERVICE_KEY, CONNECTIONS];
        for name in refused {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
        assert_eq!(problems.len(), refused.len(), "{problems:?}");
    }
}
