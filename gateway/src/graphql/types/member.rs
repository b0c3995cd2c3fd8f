//! Members of organizations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::org::v1 as proto;

use super::{Org, Organization, Role, User};
use crate::graphql::{loaders::Loaders, scalars::DateTime};

/// A user in an organization.
pub struct OrganizationMember {
    pub org: Org,
    pub member: proto::Member,
}

/// A user in an organization.
#[Object]
impl OrganizationMember {
    /// Of the membership, not of the user. Opaque.
    async fn id(&self, ctx: &Context<'_>) -> Result<ID> {
        let organization = Loaders::of(ctx).organization(&self.org).await?;
        Ok(ID(format!("{}.{}", organization.0.id, self.member.user_id)))
    }

    /// What the member may do.
    async fn role(&self) -> Role {
        Role::of(self.member.role()).unwrap_or(Role::Member)
    }

    /// The user's name.
    async fn name(&self, ctx: &Context<'_>) -> String {
        Loaders::of(ctx).person(&self.member.user_id).await.person.name
    }

    /// The user's e-mail address.
    async fn email(&self, ctx: &Context<'_>) -> String {
        Loaders::of(ctx).person(&self.member.user_id).await.person.email
    }

    /// The user.
    async fn user(&self, ctx: &Context<'_>) -> User {
        Loaders::of(ctx).person(&self.member.user_id).await
    }

    /// The organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Arc<Organization>> {
        Ok(Loaders::of(ctx).organization(&self.org).await?)
    }

    /// Since when.
    async fn joined_at(&self) -> DateTime {
        DateTime::always(self.member.joined_at.as_ref())
    }
}
