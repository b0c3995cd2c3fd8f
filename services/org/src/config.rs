//! The service's configuration: every variable declared once, with its meaning.

use secrecy::{ExposeSecret as _, SecretString};
use trellis_authn::ServiceName;
use trellis_rpc::Endpoints;
use trellis_service::ServiceConfig;
use trellis_settings::{Settings, Switch};

use crate::domain::InvitationKey;

const INVITATION_SECRET: &str = "TRELLIS_INVITATION_SECRET";

/// Read from the environment, checked as a whole.
#[derive(Debug, Clone)]
pub struct Config {
    pub service: ServiceConfig,
    pub identity: Endpoints,
    pub invitation_secret: SecretString,
    /// Whether who is not signed in may make organizations.
    pub signed_out_organizations: bool,
}

impl Config {
    /// Declares every variable and reads it. What is wrong is told by `settings.finish()`.
    pub fn read(settings: &mut Settings) -> Self {
        let service = ServiceConfig::read(settings, ServiceName::Org, 7002);
        let config = Self {
            identity: service.tls.endpoints(
                settings,
                "TRELLIS_IDENTITY_URL",
                "http://127.0.0.1:7001",
                "Where the identity service is reached; several, separated by commas, for failover",
            ),
            service,
            invitation_secret: settings.secret(
                INVITATION_SECRET,
                "Signs the tokens of invitations, at least 32 bytes, the same in every replica; with another one, open invitations fit no more",
            ),
            signed_out_organizations: settings
                .or(
                    "TRELLIS_SIGNED_OUT_ORGANIZATIONS",
                    Switch(true),
                    "Whether organizations are made without sign-in, as the original's clients do: the first user who registers with one becomes its ADMIN",
                )
                .0,
        };
        config.check(settings);
        config
    }

    fn check(&self, settings: &mut Settings) {
        if self.invitation_secret.expose_secret().len() < InvitationKey::FEWEST_BYTES {
            settings.refuse(INVITATION_SECRET, format!("must be at least {} bytes", InvitationKey::FEWEST_BYTES));
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
                INVITATION_SECRET => "0123456789abcdef0123456789abcde",
                _ => return None,
            };
            Some(value.to_owned())
        }));
        let _ = Config::read(&mut settings);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        let refused = ["TRELLIS_DATABASE_URL", "TRELLIS_PEER_KEYS", "TRELLIS_SERVICE_KEY", INVITATION_SECRET];
        for name in refused {
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
        }
    }
}
