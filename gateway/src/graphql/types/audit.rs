//! The audit log of an organization.

use async_graphql::{Context, ID, Object};
use trellis_proto::org::v1 as proto;

use super::{FieldChange, User};
use crate::{
    graphql::{loaders::Loaders, scalars::DateTime},
    json,
};

/// Who did what to settings, members or invitations.
pub struct AuditEntry(pub proto::AuditEntry);

/// Who did what to settings, members or invitations.
#[Object]
impl AuditEntry {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// `organization.updated`, `member.joined`, `member.role_changed`, `invitation.created`, …
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Who did it; null where nobody was signed in.
    async fn actor(&self, ctx: &Context<'_>) -> Option<User> {
        person(ctx, &self.0.actor_id).await
    }

    /// To whom, where it was done to a user.
    async fn user(&self, ctx: &Context<'_>) -> Option<User> {
        person(ctx, &self.0.user_id).await
    }

    /// The invited address, of what is about an invitation.
    async fn email(&self) -> Option<&str> {
        given(&self.0.email)
    }

    /// The settings or the role that changed.
    async fn changes(&self) -> Vec<FieldChange> {
        FieldChange::all(json::audit_changes(self.0.changes.clone()))
    }

    /// The address that it was asked from, where that is known.
    async fn ip(&self) -> Option<&str> {
        given(&self.0.ip)
    }

    /// When.
    async fn occurred_at(&self) -> DateTime {
        DateTime::always(self.0.occurred_at.as_ref())
    }
}

async fn person(ctx: &Context<'_>, id: &str) -> Option<User> {
    if id.is_empty() { None } else { Some(Loaders::of(ctx).person(id).await) }
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
