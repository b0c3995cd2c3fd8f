//! Invitations.

use async_graphql::{Context, ID, Object};
use trellis_proto::org::v1 as proto;

use super::{Role, User};
use crate::graphql::{loaders::Loaders, scalars::DateTime};

/// An invitation of one e-mail address into an organization.
pub struct Invitation(pub proto::Invitation);

/// An invitation of one e-mail address into an organization.
#[Object]
impl Invitation {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// Who may accept it.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// What accepting makes one.
    async fn role(&self) -> Role {
        Role::of(self.0.role()).unwrap_or(Role::Member)
    }

    /// Until when it can be accepted.
    async fn expires_at(&self) -> DateTime {
        DateTime::always(self.0.expires_at.as_ref())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.0.created_at.as_ref())
    }

    /// Who made it.
    async fn invited_by(&self, ctx: &Context<'_>) -> User {
        Loaders::of(ctx).person(&self.0.invited_by_id).await
    }
}
