//! The audit log: who did what to an organization's settings, members and invitations.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{JoinPolicy, Organization, Role};

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    OrganizationCreated,
    OrganizationUpdated,
    MemberJoined,
    MemberRoleChanged,
    /// By somebody else.
    MemberRemoved,
    MemberLeft,
    InvitationCreated,
    InvitationRevoked,
    InvitationAccepted,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrganizationCreated => "organization.created",
            Self::OrganizationUpdated => "organization.updated",
            Self::MemberJoined => "member.joined",
            Self::MemberRoleChanged => "member.role_changed",
            Self::MemberRemoved => "member.removed",
            Self::MemberLeft => "member.left",
            Self::InvitationCreated => "invitation.created",
            Self::InvitationRevoked => "invitation.revoked",
            Self::InvitationAccepted => "invitation.accepted",
        }
    }
}

/// A setting or a role that is another one now; null where there was or is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub field: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl Changed {
    fn new(field: &str, from: Option<&str>, to: Option<&str>) -> Self {
        Self { field: field.to_owned(), from: from.map(str::to_owned), to: to.map(str::to_owned) }
    }

    /// The role of a member, or that an invitation gives.
    pub fn role(from: Option<Role>, to: Option<Role>) -> Vec<Self> {
        vec![Self::new("role", from.map(Role::as_str), to.map(Role::as_str))]
    }

    /// The settings that are others now; all of a new organization.
    pub fn settings(from: Option<&Organization>, to: &Organization) -> Vec<Self> {
        type Setting = fn(&Organization) -> &str;
        let settings: [(&str, Setting); 4] = [
            ("name", |organization| &organization.name),
            ("slug", |organization| &organization.slug),
            ("contact_email", |organization| &organization.contact_email),
            ("join_policy", |organization| JoinPolicy::as_str(organization.join_policy)),
        ];
        let changed = settings.map(|(field, of)| Self::new(field, from.map(of), Some(of(to))));
        changed.into_iter().filter(|changed| changed.from != changed.to).collect()
    }
}

/// Who does something, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    /// `None` where nobody is signed in.
    pub user: Option<Uuid>,
    pub address: Option<IpAddr>,
}

/// An entry before it is in the log.
#[derive(Debug, Clone)]
pub struct Noted<'a> {
    pub action: Action,
    /// To whom it was done.
    pub user: Option<Uuid>,
    /// The invited address.
    pub email: Option<&'a str>,
    pub changes: Vec<Changed>,
}

impl<'a> Noted<'a> {
    /// An invitation, by whom it was for.
    pub fn accepted(user: Uuid, email: &'a str) -> Self {
        Self { action: Action::InvitationAccepted, user: Some(user), email: Some(email), changes: Vec::new() }
    }

    pub fn joined(user: Option<Uuid>, role: Role) -> Self {
        Self { action: Action::MemberJoined, user, email: None, changes: Changed::role(None, Some(role)) }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: Uuid,
    pub action: String,
    pub actor: Option<Uuid>,
    pub user: Option<Uuid>,
    pub email: Option<String>,
    pub changes: Vec<Changed>,
    pub address: Option<String>,
    pub occurred_at: DateTime<Utc>,
}

impl AuditEntry {
    /// At least as many bytes as it takes to send it.
    pub fn weight(&self) -> usize {
        /// All that has a fixed size, with room for tags and the cursor.
        const REST: usize = 320;
        let texts = self.changes.iter().flat_map(|changed| [&changed.from, &changed.to]).flatten();
        // In JSON a character takes up to six times its bytes.
        REST + self.email.as_ref().map_or(0, String::len) + texts.map(|text| 40 + text.len() * 6).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_settings_that_changed_are_noted() {
        let before = Organization {
            id: Uuid::nil(),
            name: "Acme".into(),
            slug: "acme".into(),
            contact_email: "a@acme.example".into(),
            join_policy: JoinPolicy::InviteOnly,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
            role: None,
        };
        let after = Organization { name: "ACME".into(), join_policy: JoinPolicy::Open, version: 2, ..before.clone() };
        let changed = [
            Changed::new("name", Some("Acme"), Some("ACME")),
            Changed::new("join_policy", Some("INVITE_ONLY"), Some("OPEN")),
        ];
        assert_eq!(Changed::settings(Some(&before), &after), changed);
        assert_eq!(Changed::settings(Some(&before), &before), []);
        let new = Changed::settings(None, &before);
        let fields: Vec<_> = new.iter().map(|changed| changed.field.as_str()).collect();
        assert_eq!(fields, ["name", "slug", "contact_email", "join_policy"]);
        assert!(new.iter().all(|changed| changed.from.is_none() && changed.to.is_some()));
    }
}
