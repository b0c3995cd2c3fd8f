//! What can happen: the kinds of events, and of activity.

/// A kind of event, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ProjectCreated,
    ProjectUpdated,
    ProjectDeleted,
    TaskCreated,
    TaskUpdated,
    TaskDeleted,
    CommentCreated,
    CommentUpdated,
    CommentDeleted,
    NotificationCreated,
    NotificationRead,
    NotificationsAllRead,
    NotificationsForgotten,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProjectCreated => "project.created",
            Self::ProjectUpdated => "project.updated",
            Self::ProjectDeleted => "project.deleted",
            Self::TaskCreated => "task.created",
            Self::TaskUpdated => "task.updated",
            Self::TaskDeleted => "task.deleted",
            Self::CommentCreated => "comment.created",
            Self::CommentUpdated => "comment.updated",
            Self::CommentDeleted => "comment.deleted",
            Self::NotificationCreated => "notification.created",
            Self::NotificationRead => "notification.read",
            Self::NotificationsAllRead => "notification.all_read",
            Self::NotificationsForgotten => "notification.forgotten",
        }
    }
}
