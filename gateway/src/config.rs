//! The gateway's configuration: every variable declared once, with its meaning.

use std::{fmt, net::SocketAddr, str::FromStr};

use http::HeaderValue;
use secrecy::SecretString;
use trellis_authn::ServiceName;
use trellis_rpc::{Endpoints, Tls};
use trellis_settings::{Settings, Switch};
use trellis_telemetry::TelemetryConfig;

use crate::{client_address::Networks, limits::Rates};

/// Read from the environment, checked as a whole.
#[derive(Debug, Clone)]
pub struct Config {
    pub telemetry: TelemetryConfig,
    pub listen: SocketAddr,
    pub nats_url: String,
    /// An Ed25519 seed in base64.
    pub service_key: SecretString,
    pub identity: Endpoints,
    pub org: Endpoints,
    pub project: Endpoints,
    pub cors_origins: Origins,
    /// From these, and only these, `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Networks,
    pub rate_limits: Rates,
    pub graphql_introspection: Switch,
}

impl Config {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings) -> Self {
        let listen = settings.or(
            "TRELLIS_LISTEN",
            SocketAddr::from(([127, 0, 0, 1], 8000)),
            "Address and port of REST, GraphQL and WebSocket",
        );
        let tls = Tls::read(settings, ServiceName::Gateway.as_str());
        Self {
            listen,
            identity: tls.endpoints(
                settings,
                "TRELLIS_IDENTITY_URL",
                "http://127.0.0.1:7001",
                "Where the identity service is reached; several, separated by commas, for failover",
            ),
            org: tls.endpoints(
                settings,
                "TRELLIS_ORG_URL",
                "http://127.0.0.1:7002",
                "Where the org service is reached; several, separated by commas, for failover",
            ),
            project: tls.endpoints(
                settings,
                "TRELLIS_PROJECT_URL",
                "http://127.0.0.1:7003",
                "Where the project service is reached; several, separated by commas, for failover",
            ),
            nats_url: settings.or(
                "TRELLIS_NATS_URL",
                "nats://127.0.0.1:4222".to_owned(),
                "Where live events are heard; while it is away they come from the services, later",
            ),
            service_key: settings.secret(
                "TRELLIS_SERVICE_KEY",
                "Signs the calls that no user makes: an Ed25519 seed, 32 bytes in base64",
            ),
            cors_origins: settings.or(
                "TRELLIS_CORS_ORIGINS",
                Origins::default(),
                "Origins whose pages may call and open sockets, separated by commas; `none` allows none but the gateway's own",
            ),
            trusted_proxies: settings
                .optional(
                    "TRELLIS_TRUSTED_PROXIES",
                    "Addresses or networks (`10.0.0.0/8`), separated by commas, whose `X-Forwarded-For` or `Forwarded` is believed",
                )
                .unwrap_or_default(),
            rate_limits: settings.or(
                "TRELLIS_RATE_LIMITS",
                Rates::default(),
                "`on`, `off` (for load tests), or what is different: `attempts=20+10/min,sockets=off`, so many at once + so many in each s, min or h",
            ),
            graphql_introspection: settings.or(
                "TRELLIS_GRAPHQL_INTROSPECTION",
                Switch(false),
                "`on` tells the GraphQL schema to whoever asks, with GraphiQL at `/graphql`",
            ),
            telemetry: TelemetryConfig::read(settings),
        }
    }
}

/// The origins that CORS allows, as browsers send them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    pub fn contains(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }
}

impl Default for Origins {
    /// The development servers of the original's front end.
    fn default() -> Self {
        Self(["http://localhost:5173", "http://localhost:3000"].map(HeaderValue::from_static).into())
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "none" {
            return Ok(Self(Vec::new()));
        }
        let origins: Result<_, _> = text
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                let uri: http::Uri = origin.parse().map_err(|_| not_an_origin(origin))?;
                let bare =
                    uri.scheme().is_some() && uri.path() == "/" && !origin.ends_with('/') && uri.query().is_none();
                if !bare {
                    return Err(not_an_origin(origin));
                }
                HeaderValue::from_str(&origin.to_ascii_lowercase()).map_err(|_| not_an_origin(origin))
            })
            .collect();
        origins.map(Self)
    }
}

fn not_an_origin(text: &str) -> String {
    format!("\"{text}\" is not an origin such as https://app.example.org (no path, no `*`)")
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, origin) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{}", origin.to_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn origins() {
        let origins: Origins = "https://a.example, http://LOCALHOST:3000".parse().unwrap();
        assert_eq!(origins.to_string(), "https://a.example,http://localhost:3000");
        assert_eq!("none".parse::<Origins>().unwrap().to_string(), "");
        for bad in ["*", "a.example", "https://a.example/", "https://a.example/x", "https://a.example?x"] {
            assert!(bad.parse::<Origins>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_limit_stops_the_start_and_is_named() {
        for bad in ["maybe", "attempts=0+1/s", "logins=1+1/s"] {
            let set = move |name: &str| match name {
                "TRELLIS_RATE_LIMITS" => Some(bad.to_owned()),
                "TRELLIS_SERVICE_KEY" => Some("x".to_owned()),
                _ => None,
            };
            let mut settings = Settings::from_source(Box::new(set));
            let _ = Config::read(&mut settings);
            let error = settings.finish().unwrap_err().to_string();
            assert!(error.starts_with("TRELLIS_RATE_LIMITS: "), "{error}");
        }
    }

    /// The README shows what the process itself says of its variables.
    #[test]
    fn the_readme_has_the_table_of_variables() {
        let mut settings = Settings::from_source(Box::new(|_| None));
        let _ = Config::read(&mut settings);
        let readme = include_str!("../README.md");
        assert!(
            readme.contains(&settings.table()),
            "paste the output of `trellis-gateway --settings`:\n{}",
            settings.table()
        );
    }
}
