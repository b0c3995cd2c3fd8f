//! Notifications, and which of them a user wants.

use serde::Serialize;
use trellis_proto::project::v1 as project;
use utoipa::ToSchema;

use super::{Person, Role, Time};
use crate::people::Found;

/// Why somebody is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// A task was given to the user.
    Assigned,
    /// `@name` or `@e-mail` in a comment or a task's description.
    Mentioned,
    /// A comment on a task that the user made, is assigned to, commented on or watches.
    Commented,
    /// The user was invited and has joined.
    Added,
    /// The user's role is another.
    RoleChanged,
}

impl NotificationKind {
    /// `None` of a kind that this version does not know.
    fn of(kind: project::NotificationKind) -> Option<Self> {
        match kind {
            project::NotificationKind::Unspecified => None,
            project::NotificationKind::Assigned => Some(Self::Assigned),
            project::NotificationKind::Mentioned => Some(Self::Mentioned),
            project::NotificationKind::Commented => Some(Self::Commented),
            project::NotificationKind::Added => Some(Self::Added),
            project::NotificationKind::RoleChanged => Some(Self::RoleChanged),
        }
    }
}

/// The organization that a notification is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotificationOrganization {
    #[schema(format = Uuid)]
    pub id: String,
    pub slug: String,
    pub name: String,
}

/// The task that a notification is about, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotificationTask {
    #[schema(format = Uuid)]
    pub id: String,
    #[schema(example = "WEB-1")]
    pub task_id: String,
    pub title: String,
}

/// Something that one user should see.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notification {
    #[schema(format = Uuid)]
    pub id: String,
    pub kind: NotificationKind,
    /// Who did it; null where no user did.
    #[schema(required)]
    pub actor: Option<Person>,
    pub organization: NotificationOrganization,
    #[schema(required)]
    pub task: Option<NotificationTask>,
    #[schema(required, format = Uuid)]
    pub comment_id: Option<String>,
    /// The beginning of the comment or description.
    #[schema(required)]
    pub excerpt: Option<String>,
    /// Of `added` and `role_changed`.
    #[schema(required)]
    pub role: Option<Role>,
    pub created_at: Time,
    /// Null where it is unread.
    #[schema(required)]
    pub read_at: Option<Time>,
}

impl Notification {
    /// `None` of a kind that this version does not know.
    pub fn new(notification: project::Notification, people: &Found) -> Option<Self> {
        let given = |text: String| (!text.is_empty()).then_some(text);
        Some(Self {
            kind: NotificationKind::of(notification.kind())?,
            actor: (!notification.actor_id.is_empty()).then(|| people.person(&notification.actor_id)),
            role: Role::named(&notification.role),
            created_at: Time::always(notification.created_at.as_ref()),
            read_at: Time::of(notification.read_at.as_ref()),
            organization: notification.organization.unwrap_or_default().into(),
            task: notification.task.map(NotificationTask::from),
            id: notification.id,
            comment_id: given(notification.comment_id),
            excerpt: given(notification.excerpt),
        })
    }

    /// The id of the person to look up before encoding.
    pub fn people(notification: &project::Notification) -> [&str; 1] {
        [&notification.actor_id]
    }
}

impl From<project::notification::Organization> for NotificationOrganization {
    fn from(organization: project::notification::Organization) -> Self {
        let project::notification::Organization { id, slug, name } = organization;
        Self { id, slug, name }
    }
}

impl From<project::notification::Task> for NotificationTask {
    fn from(task: project::notification::Task) -> Self {
        let project::notification::Task { id, task_id, title } = task;
        Self { id, task_id, title }
    }
}

/// A page of one's own notifications.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotificationPage {
    pub items: Vec<Notification>,
    /// Asks for the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// Of all of them, not of this page.
    pub unread_count: u64,
}

/// Which kinds one wants; everything at first.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind")]
pub struct NotificationPreferences {
    pub assigned: bool,
    pub mentioned: bool,
    pub commented: bool,
    pub added: bool,
    pub role_changed: bool,
}

impl From<project::NotificationPreferences> for NotificationPreferences {
    fn from(preferences: project::NotificationPreferences) -> Self {
        let project::NotificationPreferences { assigned, mentioned, commented, added, role_changed } = preferences;
        Self { assigned, mentioned, commented, added, role_changed }
    }
}

/// Of the live event `notification.all_read`.
#[derive(Debug, Serialize)]
pub struct AllRead {
    /// Everything up to this moment is read.
    read_at: Time,
}

impl From<project::AllRead> for AllRead {
    fn from(all_read: project::AllRead) -> Self {
        Self { read_at: Time::always(all_read.read_at.as_ref()) }
    }
}

/// Of the live event `notification.forgotten`.
#[derive(Debug, Serialize)]
pub struct Forgotten {
    /// What there was of this organization is no more.
    organization_id: String,
}

impl From<project::Forgotten> for Forgotten {
    fn from(forgotten: project::Forgotten) -> Self {
        Self { organization_id: forgotten.org_id }
    }
}

/// Whether one watches a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Watch {
    pub watching: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_it_is_not_about_is_null() {
        let organization =
            project::notification::Organization { id: "o".into(), slug: "acme".into(), name: "A".into() };
        let mut added = project::Notification {
            id: "n".into(),
            organization: Some(organization),
            role: "ADMIN".into(),
            created_at: Some(prost_types::Timestamp { seconds: 1_769_851_800, nanos: 0 }),
            ..project::Notification::default()
        };
        assert!(Notification::new(added.clone(), &Found::default()).is_none(), "no kind that is known");
        added.set_kind(project::NotificationKind::RoleChanged);
        let shown = serde_json::to_value(Notification::new(added, &Found::default()).unwrap()).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": "n", "kind": "role_changed", "actor": null,
                "organization": {"id": "o", "slug": "acme", "name": "A"}, "task": null, "comment_id": null,
                "excerpt": null, "role": "ADMIN", "created_at": "2026-01-31T09:30:00.000Z", "read_at": Value::Null,
            })
        );
    }
}
