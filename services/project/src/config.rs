//! What an operator may set: every variable, read and checked in one place.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use trellis_authn::{PeerKeys, ServiceKey, ServiceName};
use trellis_rpc::Endpoints;
use trellis_settings::{Settings, SettingsError, Span};
use trellis_telemetry::TelemetryConfig;

/// Read and checked.
#[derive(Clone)]
pub struct Config {
    pub telemetry: TelemetryConfig,
    pub listen: SocketAddr,
    pub database_url: SecretString,
    /// Of the role that owns the tables.
    pub migration_database_url: SecretString,
    pub database_connections: u32,
    pub event_retention: Duration,
    pub nats_url: String,
    pub identity: Endpoints,
    pub org: Endpoints,
    pub service_key: ServiceKey,
    pub peer_keys: PeerKeys,
}

impl Config {
    /// From the process's environment, with warnings about what is set for nothing.
    pub fn from_env() -> Result<(Self, Vec<String>), SettingsError> {
        Self::from_settings(Settings::from_env())
    }

    pub fn from_settings(mut settings: Settings) -> Result<(Self, Vec<String>), SettingsError> {
        let config = Self::read(&mut settings);
        let warnings = settings.finish()?;
        // Whatever is `None` was refused, and `finish` has said so.
        let config = config.ok_or_else(|| SettingsError(vec!["the settings are not complete".to_owned()]))?;
        Ok((config, warnings))
    }

    /// The table of all variables, in Markdown.
    pub fn table() -> String {
        let mut settings = Settings::from_source(Box::new(|_| None));
        Self::read(&mut settings);
        settings.table()
    }

    fn read(settings: &mut Settings) -> Option<Self> {
        let listen = settings.or(
            "TRELLIS_LISTEN",
            SocketAddr::from(([127, 0, 0, 1], 7003)),
            "Address and port of the gRPC server. Internal: keep it off the public network.",
        );
        let database_url = settings.secret("TRELLIS_DATABASE_URL", "PostgreSQL, as the role that reads and writes.");
        let migration_database_url = settings
            .optional_secret(
                "TRELLIS_MIGRATION_DATABASE_URL",
                "PostgreSQL, as the role that owns the tables and migrates; the other URL where unset.",
            )
            .unwrap_or_else(|| database_url.clone());
        let database_connections = connections(settings);
        let event_retention = settings.or(
            "TRELLIS_EVENT_RETENTION",
            Span(Duration::from_hours(7 * 24)),
            "How long events are kept: who was away for longer reads everything anew.",
        );
        let nats_url = settings.or(
            "TRELLIS_NATS_URL",
            "nats://127.0.0.1:4222".to_owned(),
            "NATS servers, separated by commas. Without one everything works, a little later.",
        );
        let identity = settings.or(
            "TRELLIS_IDENTITY_URL",
            "http://127.0.0.1:7001".parse::<Endpoints>().unwrap_or_default(),
            "The identity service; several endpoints separated by commas.",
        );
        let org = settings.or(
            "TRELLIS_ORG_URL",
            "http://127.0.0.1:7002".parse::<Endpoints>().unwrap_or_default(),
            "The org service; several endpoints separated by commas.",
        );
        let service_key = service_key(settings);
        let peer_keys = settings.required::<PeerKeys>(
            "TRELLIS_PEER_KEYS",
            "Public keys of the processes that may call: `gateway=<base64>,…`.",
        );
        let telemetry = TelemetryConfig::read(settings);
        Some(Self {
            telemetry,
            listen,
            database_url,
            migration_database_url,
            database_connections,
            event_retention: event_retention.0,
            nats_url,
            identity,
            org,
            service_key: service_key?,
            peer_keys,
        })
    }
}

fn connections(settings: &mut Settings) -> u32 {
    const NAME: &str = "TRELLIS_DATABASE_CONNECTIONS";
    let connections = settings.or(NAME, 16, "Most connections to PostgreSQL, at least 2; the relay has one more.");
    if connections < 2 {
        settings.refuse(NAME, "must be at least 2");
    }
    connections
}

fn service_key(settings: &mut Settings) -> Option<ServiceKey> {
    const NAME: &str = "TRELLIS_SERVICE_KEY";
    let seed = settings.secret(NAME, "The key that signs this process's calls: an Ed25519 seed, 32 bytes in base64.");
    let key = ServiceKey::new(ServiceName::Project, &seed);
    key.map_err(|why| settings.refuse(NAME, why)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README shows what the process itself says of its variables.
    #[test]
    fn the_readme_has_the_table_of_variables() {
        let (readme, table) = (include_str!("../README.md"), Config::table());
        assert!(
            readme.contains(table.trim_end()),
            "paste the output of `trellis-project --settings`:\n{table}"
        );
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let settings = Settings::from_source(Box::new(|name| {
            let value = match name {
                "TRELLIS_SERVICE_KEY" => "short",
                "TRELLIS_DATABASE_CONNECTIONS" => "1",
                "TRELLIS_EVENT_RETENTION" => "long",
                "TRELLIS_ORG_URL" => "somewhere",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let problems = Config::from_settings(settings).err().map_or_else(Vec::new, |error| error.0);
        for name in [
            "TRELLIS_DATABASE_URL",
            "TRELLIS_DATABASE_CONNECTIONS",
            "TRELLIS_EVENT_RETENTION",
            "TRELLIS_ORG_URL",
            "TRELLIS_SERVICE_KEY",
            "TRELLIS_PEER_KEYS",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }
}
