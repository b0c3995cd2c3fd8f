//! Members and roles, and the rule that an organization keeps an ADMIN.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Admin,
    Member,
}

impl Role {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "ADMIN" => Ok(Self::Admin),
            "MEMBER" => Ok(Self::Member),
            "" => Err(("required", "must be given".to_owned())),
            _ => Err(("invalid", "must be ADMIN or MEMBER".to_owned())),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Member => "MEMBER",
        }
    }
}

/// A user in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub user_id: Uuid,
    pub role: Role,
    pub joined_at: DateTime<Utc>,
}

/// What is asked to happen to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Role(Role),
    Removal,
}

/// A member and how many ADMINs the organization has, as of one moment.
#[derive(Debug, Clone, Copy)]
pub struct Roll {
    pub member: Member,
    pub admins: i64,
}

impl Roll {
    /// Whether the change would leave the organization without an ADMIN.
    pub fn takes_the_last_admin(&self, change: Change) -> bool {
        self.member.role == Role::Admin && self.admins <= 1 && change != Change::Role(Role::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_admin_stays() {
        let roll = |role, admins| Roll {
            member: Member { user_id: Uuid::nil(), role, joined_at: DateTime::UNIX_EPOCH },
            admins,
        };
        for change in [Change::Removal, Change::Role(Role::Member)] {
            assert!(roll(Role::Admin, 1).takes_the_last_admin(change));
            assert!(!roll(Role::Admin, 2).takes_the_last_admin(change));
            assert!(!roll(Role::Member, 1).takes_the_last_admin(change));
        }
        assert!(!roll(Role::Admin, 1).takes_the_last_admin(Change::Role(Role::Admin)));
    }
}
