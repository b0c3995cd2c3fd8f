//! A session, as its user is shown it.

use serde::Serialize;
use trellis_proto::identity::v1 as identity;
use utoipa::ToSchema;

use super::Time;

/// One login: where, when, and until when it lasts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    #[schema(format = Uuid)]
    pub id: String,
    /// As the client said when it logged in or last refreshed; may be empty.
    pub user_agent: String,
    /// The address that it then had.
    #[schema(example = "192.0.2.1")]
    pub ip: String,
    pub created_at: Time,
    /// When it last got tokens.
    pub last_used_at: Time,
    /// When it ends however much it is used; without any use it ends after 30 days.
    pub expires_at: Time,
    /// Whether it is the one of the token that asks.
    pub current: bool,
}

impl From<identity::Session> for Session {
    fn from(session: identity::Session) -> Self {
        Self {
            created_at: Time::always(session.created_at.as_ref()),
            last_used_at: Time::always(session.last_used_at.as_ref()),
            expires_at: Time::always(session.expires_at.as_ref()),
            id: session.id,
            user_agent: session.user_agent,
            ip: session.ip,
            current: session.current,
        }
    }
}
