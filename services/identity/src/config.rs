//! The service's configuration: every variable declared once, with its meaning.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use trellis_authn::ServiceName;
use trellis_rpc::Endpoints;
use trellis_service::ServiceConfig;
use trellis_settings::{Settings, Span};

use crate::domain::TokenSecret;

const TOKEN_SECRET: &str = "TRELLIS_TOKEN_SECRET";
const ACCESS_TOKEN_TTL: &str = "TRELLIS_ACCESS_TOKEN_TTL";
const LONG_ACCESS_TOKEN_TTL: &str = "TRELLIS_LONG_ACCESS_TOKEN_TTL";
/// That long every process remembers a session that was ended.
const LONGEST_TTL: Duration = Duration::from_hours(7 * 24);

/// Read from the environment, checked as a whole.
#[derive(Debug, Clone)]
pub struct Config {
    pub service: ServiceConfig,
    pub org: Endpoints,
    pub token_secret: SecretString,
    pub access_token_ttl: Duration,
    /// For clients that cannot refresh.
    pub long_access_token_ttl: Duration,
}

impl Config {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings) -> Self {
        let service = ServiceConfig::read(settings, ServiceName::Identity, 7001);
        let config = Self {
            org: service.tls.endpoints(
                settings,
                "TRELLIS_ORG_URL",
                "http://127.0.0.1:7002",
                "Where the org service is reached; several, separated by commas, for failover",
            ),
            service,
            token_secret: settings.secret(
                TOKEN_SECRET,
                "Computes each refresh token from the one before, at least 32 bytes, the same in every replica",
            ),
            access_token_ttl: settings
                .or(ACCESS_TOKEN_TTL, Span(Duration::from_mins(15)), "How long an access token lasts")
                .0,
            long_access_token_ttl: settings
                .or(
                    LONG_ACCESS_TOKEN_TTL,
                    Span(Duration::from_hours(12)),
                    "How long an access token lasts that a client of the original's API gets, which cannot refresh",
                )
                .0,
        };
        config.check(settings);
        config
    }

    fn check(&self, settings: &mut Settings) {
        if self.token_secret.expose_secret().len() < TokenSecret::FEWEST_BYTES {
            settings.refuse(TOKEN_SECRET, format!("must be at least {} bytes", TokenSecret::FEWEST_BYTES));
        }
        for (name, ttl) in
            [(ACCESS_TOKEN_TTL, self.access_token_ttl), (LONG_ACCESS_TOKEN_TTL, self.long_access_token_ttl)]
        {
            if ttl < Duration::from_secs(1) || ttl > LONGEST_TTL {
                settings.refuse(name, "must be from 1s to 7d");
            }
        }
    }
}

impl AsRef<ServiceConfig> for Config {
    fn as_ref(&self) -> &ServiceConfig {
        &self.service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table_of_variables() {
        trellis_service::assert_readme_has_table(include_str!("../README.md"), Config::read);
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let mut settings = Settings::from_source(Box::new(|name| {
            let value = match name {
                "TRELLIS_SERVICE_KEY" => "short",
                TOKEN_SECRET => "0123456789abcdef0123456789abcde",
                ACCESS_TOKEN_TTL => "8d",
                LONG_ACCESS_TOKEN_TTL => "0s",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let _ = Config::read(&mut settings);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        let refused = [
            "TRELLIS_DATABASE_URL",
            "TRELLIS_PEER_KEYS",
            "TRELLIS_SERVICE_KEY",
            TOKEN_SECRET,
            ACCESS_TOKEN_TTL,
            LONG_ACCESS_TOKEN_TTL,
        ];
        for name in refused {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }
}
