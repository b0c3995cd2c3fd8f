//! People.

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::identity::v1::{self as proto, ListSessionsRequest};

use super::Session;
use crate::{
    graphql::{Viewer, connection, loaders::read, scalars::DateTime},
    json,
};

/// A person.
pub struct User {
    pub person: json::Person,
    /// Known of oneself alone.
    pub created_at: Option<DateTime>,
}

impl From<json::Person> for User {
    fn from(person: json::Person) -> Self {
        Self { person, created_at: None }
    }
}

/// Oneself.
impl From<proto::User> for User {
    fn from(user: proto::User) -> Self {
        let created_at = DateTime::of(user.created_at.as_ref());
        Self { person: user.into(), created_at }
    }
}

/// A person.
#[Object]
impl User {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.person.id.clone())
    }

    /// The login name.
    async fn email(&self) -> &str {
        &self.person.email
    }

    /// The name that others see.
    async fn name(&self) -> &str {
        &self.person.name
    }

    /// When the account was made; of oneself alone.
    async fn created_at(&self) -> Option<DateTime> {
        self.created_at.clone()
    }

    /// Where one is logged in, the last used first; of `me` alone, null of anybody else.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Option<Vec<Session>>> {
        let viewer = Viewer::of(ctx);
        let own = viewer.user().is_ok_and(|user| user.id.to_string() == self.person.id);
        // One's own name may stand in every row of a list; those are not asked for row by row.
        if !own || self.created_at.is_none() {
            return Ok(None);
        }
        let answer = read!(viewer, identity.list_sessions(ListSessionsRequest {}))?;
        Ok(Some(answer.sessions.into_iter().map(Session).collect()))
    }
}
