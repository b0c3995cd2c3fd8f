//! Organizations, their members and invitations.

use serde::Serialize;
use trellis_proto::org::v1 as org;
use utoipa::ToSchema;

use super::{Person, Time};
use crate::people::Found;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Admin,
    Member,
}

impl Role {
    fn of(role: org::Role) -> Option<Self> {
        match role {
            org::Role::Unspecified => None,
            org::Role::Admin => Some(Self::Admin),
            org::Role::Member => Some(Self::Member),
        }
    }

    /// By its word; `None` where there is none.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "ADMIN" => Some(Self::Admin),
            "MEMBER" => Some(Self::Member),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JoinPolicy {
    Open,
    InviteOnly,
}

impl JoinPolicy {
    fn of(policy: org::JoinPolicy) -> Option<Self> {
        match policy {
            org::JoinPolicy::Unspecified => None,
            org::JoinPolicy::Open => Some(Self::Open),
            org::JoinPolicy::InviteOnly => Some(Self::InviteOnly),
        }
    }
}

/// The tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organization {
    #[schema(format = Uuid)]
    pub id: String,
    pub name: String,
    pub slug: String,
    pub contact_email: String,
    /// Shown to members.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_policy: Option<JoinPolicy>,
    pub created_at: Time,
    /// The caller's role, where the caller is a member.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl From<org::Organization> for Organization {
    fn from(organization: org::Organization) -> Self {
        Self {
            join_policy: JoinPolicy::of(organization.join_policy()),
            role: Role::of(organization.role()),
            created_at: Time::always(organization.created_at.as_ref()),
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
            contact_email: organization.contact_email,
        }
    }
}

/// A user in an organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct Member {
    pub user: Person,
    pub role: Role,
    pub joined_at: Time,
}

impl Member {
    pub fn new(member: &org::Member, people: &Found) -> Self {
        Self {
            user: people.person(&member.user_id),
            role: Role::of(member.role()).unwrap_or(Role::Member),
            joined_at: Time::always(member.joined_at.as_ref()),
        }
    }
}

/// An invitation of one e-mail address.
#[derive(Serialize, ToSchema)]
pub struct Invitation {
    #[schema(format = Uuid)]
    pub id: String,
    pub email: String,
    pub role: Role,
    /// Only in the answer to its creation.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub expires_at: Time,
    pub created_at: Time,
    pub invited_by: Person,
}

impl Invitation {
    pub fn new(invitation: org::Invitation, people: &Found) -> Self {
        Self {
            role: Role::of(invitation.role()).unwrap_or(Role::Member),
            expires_at: Time::always(invitation.expires_at.as_ref()),
            created_at: Time::always(invitation.created_at.as_ref()),
            invited_by: people.person(&invitation.invited_by_id),
            token: (!invitation.token.is_empty()).then_some(invitation.token),
            id: invitation.id,
            email: invitation.email,
        }
    }
}
