//! How things of the domain look in messages: answers, kept answers, events.

use trellis_proto::org::v1 as proto;
use trellis_rpc::convert::timestamp;
use uuid::Uuid;

use crate::domain::{AuditEntry, Changed, Cursor, Invitation, JoinPolicy, Member, Organization, PageRequest, Role};

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

pub fn audit_entry(entry: AuditEntry) -> proto::AuditEntry {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    proto::AuditEntry {
        id: entry.id.to_string(),
        action: entry.action,
        actor_id: id(entry.actor),
        user_id: id(entry.user),
        email: entry.email.unwrap_or_default(),
        changes: entry.changes.into_iter().map(changed).collect(),
        ip: entry.address.unwrap_or_default(),
        occurred_at: Some(timestamp(entry.occurred_at)),
    }
}

fn changed(changed: Changed) -> proto::AuditChange {
    let json = |value: Option<String>| serde_json::Value::from(value).to_string();
    proto::AuditChange { field: changed.field, from_json: json(changed.from), to_json: json(changed.to) }
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
    PageRequest {
        limit: page.limit,
        cursor: page.cursor,
        backward: page.backward,
        with_cursors: page.with_cursors,
        all: page.all,
    }
}

/// Empty at the end of the list.
pub fn next_cursor(next: Option<Cursor>) -> String {
    next.map(|cursor| cursor.to_string()).unwrap_or_default()
}

/// One for each item, where they were asked for.
pub fn cursors(cursors: &[Cursor]) -> Vec<String> {
    cursors.iter().map(ToString::to_string).collect()
}

/// What is sent as an id and is none names nothing.
pub fn id(text: &str) -> Option<Uuid> {
    text.parse().ok()
}

/// Numbers in the tables are never negative.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use prost::Message as _;

    use super::*;
    use crate::domain::LONGEST;

    /// What a list that is given whole may weigh at most; those who ask take 32 MiB.
    const HEAVIEST: usize = 24 * 1024 * 1024;

    #[test]
    fn the_longest_list_of_the_largest_items_is_light_enough() {
        // Of four bytes each: more than any slug or e-mail has.
        let text = |characters| "\u{1F600}".repeat(characters);
        let (id, time) = (Uuid::max(), DateTime::from_timestamp_nanos(i64::MAX));
        let organization = organization(Organization {
            id,
            name: text(100),
            slug: text(50),
            contact_email: text(254),
            join_policy: JoinPolicy::InviteOnly,
            created_at: time,
            version: i64::MAX,
            role: Some(Role::Member),
        });
        let member = member(Member { user_id: id, role: Role::Member, joined_at: time });
        let invitation = invitation(Invitation {
            id,
            email: text(254),
            role: Role::Member,
            invited_by: id,
            created_at: time,
            expires_at: time,
        });
        let cursor = Cursor { at: time, id }.to_string();
        for item in [organization.encoded_len(), member.encoded_len(), invitation.encoded_len()] {
            // Each has a tag and its length before it, a cursor too.
            assert!((item + 4 + cursor.len() + 2) * LONGEST < HEAVIEST, "{item}");
        }
    }
}
