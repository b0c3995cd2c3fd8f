//! Sessions.

use async_graphql::{ID, Object};
use trellis_proto::identity::v1 as proto;

use crate::graphql::scalars::DateTime;

/// One login: where, when, and until when it lasts.
pub struct Session(pub proto::Session);

/// One login: where, when, and until when it lasts.
#[Object]
impl Session {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// As the client said when it logged in or last refreshed; may be empty.
    async fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    /// The address that it then had.
    async fn ip(&self) -> &str {
        &self.0.ip
    }

    /// When one logged in.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.0.created_at.as_ref())
    }

    /// When it last got tokens.
    async fn last_used_at(&self) -> DateTime {
        DateTime::always(self.0.last_used_at.as_ref())
    }

    /// When it ends however much it is used; without any use it ends after 30 days.
    async fn expires_at(&self) -> DateTime {
        DateTime::always(self.0.expires_at.as_ref())
    }

    /// Whether it is the one of the token that asks.
    async fn current(&self) -> bool {
        self.0.current
    }
}
