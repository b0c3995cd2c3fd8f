//! How things of the domain look in messages: answers, kept answers, events.

use trellis_proto::org::v1 as proto;
use trellis_rpc::convert::timestamp;
use uuid::Uuid;

use crate::domain::{Cursor, Invitation, JoinPolicy, Member, Organization, PageRequest, Role};

/// The join policy is for members to see.
pub fn organization(organization: Organization) -> proto::Organization {
    let join_policy = match organization.role {
        Some(_) => join_policy(organization.join_policy),
        None => proto::JoinPolicy::Unspecified,
    };
    proto::Organization {
        id: organization.id.to_string(),
        name: organization.name,
        slug: organization.slug,
        contact_email: organization.contact_email,
        join_policy: join_policy.into(),
        created_at: Some(timestamp(organization.created_at)),
        role: organization.role.map_or(proto::Role::Unspecified, role).into(),
        version: unsigned(organization.version),
    }
}

pub fn member(member: Member) -> proto::Member {
    proto::Member {
        user_id: member.user_id.to_string(),
        role: role(member.role).into(),
        joined_at: Some(timestamp(member.joined_at)),
    }
}

/// Without its token.
pub fn invitation(invitation: Invitation) -> proto::Invitation {
    proto::Invitation {
        id: invitation.id.to_string(),
        email: invitation.email,
        role: role(invitation.role).into(),
        token: String::new(),
        expires_at: Some(timestamp(invitation.expires_at)),
        created_at: Some(timestamp(invitation.created_at)),
        invited_by_id: invitation.invited_by.to_string(),
    }
}

pub fn role(role: Role) -> proto::Role {
    match role {
        Role::Admin => proto::Role::Admin,
        Role::Member => proto::Role::Member,
    }
}

fn join_policy(policy: JoinPolicy) -> proto::JoinPolicy {
    match policy {
        JoinPolicy::Open => proto::JoinPolicy::Open,
        JoinPolicy::InviteOnly => proto::JoinPolicy::InviteOnly,
    }
}

/// The first page where none is asked for.
pub fn page(page: Option<proto::Page>) -> PageRequest {
    let page = page.unwrap_or_default();
    PageRequest { limit: page.limit, cursor: page.cursor }
}

/// Empty at the end of the list.
pub fn next_cursor(next: Option<Cursor>) -> String {
    next.map(|cursor| cursor.to_string()).unwrap_or_default()
}

/// What is sent as an id and is none names nothing.
pub fn id(text: &str) -> Option<Uuid> {
    text.parse().ok()
}

/// Numbers in the tables are never negative.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
