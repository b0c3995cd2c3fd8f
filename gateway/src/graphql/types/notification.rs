//! Notifications, and which of them one wants.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use trellis_proto::project::v1 as proto;

use super::{Role, User};
use crate::graphql::{
    connection::{Connection, Edge, PageInfo},
    loaders::Loaders,
    scalars::DateTime,
};

/// Why somebody is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum NotificationKind {
    /// A task was given to one.
    Assigned,
    /// `@name` or `@e-mail` in a comment or a task's description.
    Mentioned,
    /// A comment on a task that one made, is assigned to, commented on or watches.
    Commented,
    /// One was invited and has joined.
    Added,
    /// One's role is another.
    RoleChanged,
}

impl NotificationKind {
    /// `None` of a kind that this version does not know.
    fn of(kind: proto::NotificationKind) -> Option<Self> {
        match kind {
            proto::NotificationKind::Unspecified => None,
            proto::NotificationKind::Assigned => Some(Self::Assigned),
            proto::NotificationKind::Mentioned => Some(Self::Mentioned),
            proto::NotificationKind::Commented => Some(Self::Commented),
            proto::NotificationKind::Added => Some(Self::Added),
            proto::NotificationKind::RoleChanged => Some(Self::RoleChanged),
        }
    }
}

/// The organization that a notification is of.
#[derive(SimpleObject)]
pub struct NotificationOrganization {
    /// UUID.
    id: ID,
    /// Its name in arguments and addresses.
    slug: String,
    /// What people call it.
    name: String,
}

/// The task that a notification is about, as it was then.
#[derive(SimpleObject)]
pub struct NotificationTask {
    /// UUID.
    id: ID,
    /// The project's key and a number: `WEB-1`.
    task_id: String,
    /// What was to be done.
    title: String,
}

/// Something that one should see.
pub struct Notification {
    kind: NotificationKind,
    notification: proto::Notification,
}

impl Notification {
    /// `None` of a kind that this version does not know.
    pub fn new(notification: proto::Notification) -> Option<Self> {
        Some(Self { kind: NotificationKind::of(notification.kind())?, notification })
    }
}

/// Something that one should see.
#[Object]
impl Notification {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.notification.id.clone())
    }

    /// Why one is notified.
    async fn kind(&self) -> NotificationKind {
        self.kind
    }

    /// Who did it; null where no user did.
    async fn actor(&self, ctx: &Context<'_>) -> Option<User> {
        match &*self.notification.actor_id {
            "" => None,
            id => Some(Loaders::of(ctx).person(id).await),
        }
    }

    /// The organization that it is of.
    async fn organization(&self) -> NotificationOrganization {
        let proto::notification::Organization { id, slug, name } =
            self.notification.organization.clone().unwrap_or_default();
        NotificationOrganization { id: ID(id), slug, name }
    }

    /// The task, where it is about one.
    async fn task(&self) -> Option<NotificationTask> {
        let proto::notification::Task { id, task_id, title } = self.notification.task.clone()?;
        Some(NotificationTask { id: ID(id), task_id, title })
    }

    /// The comment, where it is about one.
    async fn comment_id(&self) -> Option<ID> {
        given(&self.notification.comment_id).map(ID::from)
    }

    /// The beginning of the comment or description.
    async fn excerpt(&self) -> Option<&str> {
        given(&self.notification.excerpt)
    }

    /// The role, of `ADDED` and `ROLE_CHANGED`.
    async fn role(&self) -> Option<Role> {
        Role::named(&self.notification.role)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.notification.created_at.as_ref())
    }

    /// When one read it; null where it is unread.
    async fn read_at(&self) -> Option<DateTime> {
        DateTime::of(self.notification.read_at.as_ref())
    }
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A part of one's own notifications, by the GraphQL Cursor Connections Specification.
pub struct NotificationConnection {
    pub page: Connection<Notification>,
    pub unread_count: u64,
}

/// A part of one's own notifications, by the GraphQL Cursor Connections Specification.
#[Object]
impl NotificationConnection {
    /// The notifications.
    async fn nodes(&self) -> Vec<Arc<Notification>> {
        self.page.items()
    }

    /// The notifications, each with its cursor.
    async fn edges(&self) -> Vec<Edge<Notification>> {
        self.page.rows()
    }

    /// Whether there is more, and how to ask for it.
    async fn page_info(&self) -> &PageInfo {
        self.page.info()
    }

    /// How many are unread, of all of them.
    async fn unread_count(&self) -> u64 {
        self.unread_count
    }

    /// What the `after` of the subscription `notifications` continues from without a gap.
    async fn live_cursor(&self) -> Option<&str> {
        self.page.place()
    }
}

/// Which kinds of notifications one wants; all of them at first.
#[derive(SimpleObject)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind")]
pub struct NotificationPreferences {
    /// `ASSIGNED`
    assigned: bool,
    /// `MENTIONED`
    mentioned: bool,
    /// `COMMENTED`
    commented: bool,
    /// `ADDED`
    added: bool,
    /// `ROLE_CHANGED`
    role_changed: bool,
}

impl From<proto::NotificationPreferences> for NotificationPreferences {
    fn from(preferences: proto::NotificationPreferences) -> Self {
        let proto::NotificationPreferences { assigned, mentioned, commented, added, role_changed } = preferences;
        Self { assigned, mentioned, commented, added, role_changed }
    }
}
