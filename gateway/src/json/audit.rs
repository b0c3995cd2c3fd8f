//! The audit log of an organization, as its ADMINs are shown it.

use std::collections::BTreeMap;

use serde::Serialize;
use trellis_proto::org::v1 as org;
use utoipa::ToSchema;

use super::{ChangedField, Person, Time};
use crate::people::Found;

/// Who did what to settings, members or invitations.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    #[schema(format = Uuid)]
    pub id: String,
    /// `organization.created`, `organization.updated`, `member.joined`, `member.role_changed`, `member.removed`,
    /// `member.left`, `invitation.created`, `invitation.revoked` or `invitation.accepted`; there may be more.
    #[schema(example = "member.role_changed")]
    pub action: String,
    /// Who did it; null where nobody was signed in.
    #[schema(required)]
    pub actor: Option<Person>,
    /// To whom, where it was done to a user.
    #[schema(required)]
    pub user: Option<Person>,
    /// The invited address, of what is about an invitation.
    #[schema(required, format = Email)]
    pub email: Option<String>,
    /// The settings or the role that changed.
    pub changes: BTreeMap<String, ChangedField>,
    /// The address that it was asked from, where that is known.
    #[schema(required, example = "192.0.2.1")]
    pub ip: Option<String>,
    pub occurred_at: Time,
}

impl AuditEntry {
    pub fn new(entry: org::AuditEntry, people: &Found) -> Self {
        let person = |id: &str| (!id.is_empty()).then(|| people.person(id));
        let given = |text: String| (!text.is_empty()).then_some(text);
        Self {
            actor: person(&entry.actor_id),
            user: person(&entry.user_id),
            occurred_at: Time::always(entry.occurred_at.as_ref()),
            changes: audit_changes(entry.changes),
            id: entry.id,
            action: entry.action,
            email: given(entry.email),
            ip: given(entry.ip),
        }
    }
}

/// `{"role": {"from": "MEMBER", "to": "ADMIN"}, …}`
pub fn audit_changes(changes: Vec<org::AuditChange>) -> BTreeMap<String, ChangedField> {
    let field = |change: org::AuditChange| (change.field, ChangedField::plain(change.from_json, change.to_json));
    changes.into_iter().map(field).collect()
}
