//! What a user should see, and who wants to see what.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The longest excerpt, in characters.
const EXCERPT: usize = 200;

/// Why somebody is told. Where several apply the first of this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A task was given to the user.
    Assigned,
    /// `@name` or `@e-mail` in a comment or a task's description.
    Mentioned,
    /// A comment on a task that the user created, is assigned to, commented on or watches.
    Commented,
    /// The user was invited and has joined.
    Added,
    RoleChanged,
}

impl Reason {
    pub const ALL: [Self; 5] = [Self::Assigned, Self::Mentioned, Self::Commented, Self::Added, Self::RoleChanged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "ASSIGNED",
            Self::Mentioned => "MENTIONED",
            Self::Commented => "COMMENTED",
            Self::Added => "ADDED",
            Self::RoleChanged => "ROLE_CHANGED",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// What somebody is told, whoever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it comes from: of two with one id a user gets one.
    pub event_id: Uuid,
    pub actor: Option<Uuid>,
    pub organization: OrganizationRef,
    pub task: Option<TaskRef>,
    pub comment: Option<Uuid>,
    pub excerpt: String,
    /// `ADMIN` or `MEMBER`, where it is about that.
    pub role: Option<String>,
}

/// As it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRef {
    pub id: Uuid,
    pub slug: String,
    pub name: String,
}

/// As it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRef {
    pub id: Uuid,
    /// `WEB-1`
    pub task_id: String,
    pub title: String,
}

/// One of a user's notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub id: Uuid,
    /// The number of its event in the user's order.
    pub seq: i64,
    pub reason: Reason,
    pub news: News,
    pub created_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

/// What a user wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Preferences {
    pub assigned: bool,
    pub mentioned: bool,
    pub commented: bool,
    pub added: bool,
    pub role_changed: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { assigned: true, mentioned: true, commented: true, added: true, role_changed: true }
    }
}

impl Preferences {
    pub fn want(self, reason: Reason) -> bool {
        match reason {
            Reason::Assigned => self.assigned,
            Reason::Mentioned => self.mentioned,
            Reason::Commented => self.commented,
            Reason::Added => self.added,
            Reason::RoleChanged => self.role_changed,
        }
    }
}

/// The beginning of a text, as notifications show it.
pub fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_come_back_by_name_and_in_order() {
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.as_str()), Some(reason));
        }
        assert!(Reason::ALL.is_sorted());
        assert_eq!(Reason::named("assigned"), None);
    }

    #[test]
    fn an_excerpt_is_cut_between_characters() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"😀".repeat(300)), "😀".repeat(200));
    }
}
