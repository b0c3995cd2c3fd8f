//! Organizations and their members.

use async_graphql::{ID, Object};
use trellis_proto::org::v1 as proto;

use super::Org;

/// A tenant.
pub struct Organization(pub proto::Organization);

#[Object]
impl Organization {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }
}

/// A user in an organization.
pub struct OrganizationMember {
    pub org: Org,
    pub member: proto::Member,
}

#[Object]
impl OrganizationMember {
    async fn id(&self) -> ID {
        ID(self.member.user_id.clone())
    }
}
