//! What happens to one's own notifications.

use async_graphql::{ID, Object};
use trellis_proto::project::v1::project_event::Object as About;

use super::Frame;
use crate::graphql::{
    scalars::DateTime,
    types::{Notification, User},
};

/// What happens to one's own notifications.
pub struct NotificationEvent(pub(super) Frame);

/// What happens to one's own notifications.
#[Object]
impl NotificationEvent {
    /// The place after this event: a subscription with it as `after` goes on from here.
    async fn cursor(&self) -> String {
        self.0.at.to_string()
    }

    /// `notification.created`, `notification.read`, `notification.all_read`, `notification.forgotten`; null where
    /// nothing happened: at the beginning, and now and then while it is quiet.
    async fn kind(&self) -> Option<&str> {
        self.0.kind()
    }

    /// At the beginning: whether everything that was asked for follows. Again, with false, where what was missed cannot
    /// be had any more: read the notifications anew, and go on from this cursor.
    async fn recovered(&self) -> Option<bool> {
        self.0.recovered
    }

    /// Who did it.
    async fn actor(&self) -> Option<User> {
        self.0.actor()
    }

    /// When it happened.
    async fn occurred_at(&self) -> Option<DateTime> {
        self.0.occurred_at()
    }

    /// The notification as of the event, of `notification.created` and `notification.read`.
    async fn notification(&self) -> Option<Notification> {
        let Some(About::Notification(notification)) = &self.0.payload()?.object else { return None };
        Notification::new(notification.clone())
    }

    /// Of `notification.all_read`: everything up to then is read.
    async fn read_at(&self) -> Option<DateTime> {
        let Some(About::AllRead(all_read)) = &self.0.payload()?.object else { return None };
        DateTime::of(all_read.read_at.as_ref())
    }

    /// Of `notification.forgotten`: one is no member of this organization any more, and has no notifications of it.
    async fn organization_id(&self) -> Option<ID> {
        let Some(About::Forgotten(forgotten)) = &self.0.payload()?.object else { return None };
        Some(ID(forgotten.org_id.clone()))
    }
}
