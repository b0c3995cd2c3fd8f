//! The organization itself.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Email, Name, Refusal, Role, Slug};

/// How long an organization that was made without sign-in waits for its first member.
pub const UNCLAIMED: TimeDelta = TimeDelta::hours(24);

/// How one becomes a member without an ADMIN's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPolicy {
    /// By registering with the organization's slug.
    Open,
    /// With an invitation only.
    InviteOnly,
}

impl JoinPolicy {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "OPEN" => Ok(Self::Open),
            "INVITE_ONLY" => Ok(Self::InviteOnly),
            "" => Err(("required", "must be given".to_owned())),
            _ => Err(("invalid", "must be OPEN or INVITE_ONLY".to_owned())),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::InviteOnly => "INVITE_ONLY",
        }
    }
}

/// An organization as one caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub contact_email: String,
    pub join_policy: JoinPolicy,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    /// The caller's; `None` where not a member.
    pub role: Option<Role>,
}

/// What a new organization is made of.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    pub id: Uuid,
    pub name: Name,
    pub slug: Slug,
    pub contact_email: Email,
}

/// The fields that an edit sets; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<Name>,
    pub slug: Option<Slug>,
    pub contact_email: Option<Email>,
    pub join_policy: Option<JoinPolicy>,
}

impl Edit {
    /// Whether it would leave this organization as it is.
    pub fn changes_nothing_of(&self, now: &Organization) -> bool {
        self.name.as_ref().is_none_or(|name| name.as_str() == now.name)
            && self.slug.as_ref().is_none_or(|slug| slug.as_str() == now.slug)
            && (self.contact_email.as_ref()).is_none_or(|email| email.as_str() == now.contact_email)
            && self.join_policy.is_none_or(|policy| policy == now.join_policy)
    }
}

/// The fields that no two organizations share, in the order in which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unique {
    Slug,
    Name,
    ContactEmail,
}

impl Unique {
    pub fn field(self) -> &'static str {
        match self {
            Self::Slug => "slug",
            Self::Name => "name",
            Self::ContactEmail => "contact_email",
        }
    }

    /// For people: "… with this slug already exists".
    pub fn word(self) -> &'static str {
        match self {
            Self::Slug => "slug",
            Self::Name => "name",
            Self::ContactEmail => "email",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_edit_to_the_same_values_changes_nothing() {
        let now = Organization {
            id: Uuid::nil(),
            name: "Acme".into(),
            slug: "acme".into(),
            contact_email: "a@acme.example".into(),
            join_policy: JoinPolicy::InviteOnly,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
            role: None,
        };
        let same = Edit {
            name: Some(Name::parse(" Acme ").unwrap()),
            slug: Some(Slug::parse("acme").unwrap()),
            contact_email: Some(Email::parse("a@acme.example").unwrap()),
            join_policy: Some(JoinPolicy::InviteOnly),
        };
        assert!(same.changes_nothing_of(&now));
        assert!(Edit::default().changes_nothing_of(&now));
        let case = Edit { name: Some(Name::parse("ACME").unwrap()), ..Edit::default() };
        assert!(!case.changes_nothing_of(&now));
        let policy = Edit { join_policy: Some(JoinPolicy::Open), ..same };
        assert!(!policy.changes_nothing_of(&now));
    }
}
