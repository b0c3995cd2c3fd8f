//! The service's configuration: every variable declared once, with its meaning.

use trellis_authn::ServiceName;
use trellis_rpc::Endpoints;
use trellis_service::ServiceConfig;
use trellis_settings::Settings;

/// Read from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    pub service: ServiceConfig,
    pub identity: Endpoints,
    pub org: Endpoints,
}

impl Config {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings) -> Self {
        let service = ServiceConfig::read(settings, ServiceName::Project, 7003);
        Self {
            identity: service.tls.endpoints(
                settings,
                "TRELLIS_IDENTITY_URL",
                "http://127.0.0.1:7001",
                "Where the identity service is reached; several, separated by commas, for failover",
            ),
            org: service.tls.endpoints(
                settings,
                "TRELLIS_ORG_URL",
                "http://127.0.0.1:7002",
                "Where the org service is reached; several, separated by commas, for failover",
            ),
            service,
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
                "TRELLIS_ORG_URL" => "somewhere",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let _ = Config::read(&mut settings);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        for name in ["TRELLIS_DATABASE_URL", "TRELLIS_PEER_KEYS", "TRELLIS_SERVICE_KEY", "TRELLIS_ORG_URL"] {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }
}
