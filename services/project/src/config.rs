//! The service's configuration: every variable declared once, with its meaning.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use trellis_authn::{PeerKeys, ServiceKey, ServiceName};
use trellis_rpc::Endpoints;
use trellis_settings::{Settings, Span};
use trellis_telemetry::TelemetryConfig;

const SERVICE_KEY: &str = "TRELLIS_SERVICE_KEY";
const CONNECTIONS: &str = "TRELLIS_DATABASE_CONNECTIONS";

/// Read from the environment, checked as a whole.
#[derive(Debug, Clone)]
pub struct Config {
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
    pub identity: Endpoints,
    pub org: Endpoints,
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings) -> Self {
        let config = Self {
            listen: settings.or("TRELLIS_LISTEN", SocketAddr::from(([127, 0, 0, 1], 7003)), "Address and port of gRPC"),
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
            identity: settings.or(
                "TRELLIS_IDENTITY_URL",
                "http://127.0.0.1:7001".parse().expect("the default is a URL"),
                "Where the identity service is reached; several, separated by commas, for failover",
            ),
            org: settings.or(
                "TRELLIS_ORG_URL",
                "http://127.0.0.1:7002".parse().expect("the default is a URL"),
                "Where the org service is reached; several, separated by commas, for failover",
            ),
            telemetry: TelemetryConfig::read(settings),
        };
        config.check(settings);
        config
    }

    fn check(&self, settings: &mut Settings) {
        if let Err(why) = ServiceKey::new(ServiceName::Project, &self.service_key) {
            settings.refuse(SERVICE_KEY, why);
        }
        if self.connections < 2 {
            settings.refuse(CONNECTIONS, "must be at least 2: writers leave one for readers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README shows what the process itself says of its variables.
    #[test]
    fn the_readme_has_the_table_of_variables() {
        let mut settings = Settings::from_source(Box::new(|_| None));
        let _ = Config::read(&mut settings);
        let (readme, table) = (include_str!("../README.md"), settings.table());
        assert!(readme.contains(table.trim()), "paste the output of `trellis-project --settings`:\n{table}");
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let mut settings = Settings::from_source(Box::new(|name| {
            let value = match name {
                SERVICE_KEY => "short",
                "TRELLIS_ORG_URL" => "somewhere",
                "TRELLIS_EVENT_RETENTION" => "a week",
                CONNECTIONS => "1",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let _ = Config::read(&mut settings);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        let refused = [
            "TRELLIS_DATABASE_URL",
            "TRELLIS_PEER_KEYS",
            SERVICE_KEY,
            CONNECTIONS,
            "TRELLIS_ORG_URL",
            "TRELLIS_EVENT_RETENTION",
        ];
        for name in refused {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }
}
