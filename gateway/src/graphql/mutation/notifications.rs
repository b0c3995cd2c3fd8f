//! One's own notifications, which of them one wants, and which tasks one watches.

use async_graphql::{Context, ID, InputObject, Object};
use trellis_proto::project::v1::{
    ReadAllNotificationsRequest, ReadNotificationRequest, UnwatchTaskRequest, UpdateNotificationPreferencesRequest,
    WatchTaskRequest,
};

use crate::{
    graphql::{
        Refusal, Viewer,
        connection::live_cursor,
        types::{Notification, NotificationPreferences},
    },
    notifications,
};

/// Changes of what one is notified of: only what is given is changed.
#[derive(InputObject)]
pub struct UpdateNotificationPreferencesInput {
    /// `ASSIGNED`
    assigned: Option<bool>,
    /// `MENTIONED`
    mentioned: Option<bool>,
    /// `COMMENTED`
    commented: Option<bool>,
    /// `ADDED`
    added: Option<bool>,
    /// `ROLE_CHANGED`
    role_changed: Option<bool>,
}

crate::payload! {
    /// What marking a notification as read gives back.
    pub struct ReadNotificationPayload {
        /// The notification as it is now.
        notification: Option<Notification>,
        /// The place in one's own order of events that this reflects; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What marking all notifications as read gives back.
    pub struct ReadAllNotificationsPayload {
        /// How many were unread.
        count: Option<u64>,
        /// The place in one's own order of events that this reflects; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What changing what one is notified of gives back.
    pub struct UpdateNotificationPreferencesPayload {
        /// What one is notified of from now on.
        preferences: Option<NotificationPreferences>,
    }
}

crate::payload! {
    /// What watching a task gives back.
    pub struct WatchTaskPayload {}
}

crate::payload! {
    /// What watching a task no more gives back.
    pub struct UnwatchTaskPayload {}
}

#[derive(Default)]
pub struct NotificationMutations;

#[Object]
impl NotificationMutations {
    /// Marks one of one's own notifications as read, on all devices. Doing it again changes nothing.
    async fn read_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notification's UUID.")] id: ID,
    ) -> Option<ReadNotificationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let user = viewer.user()?;
            let request = viewer.request(ctx, ReadNotificationRequest { id: id.0 })?;
            let answer = viewer.clients().project.clone().read_notification(request).await?.into_inner();
            let live_cursor = live_cursor(answer.position.as_ref());
            let notification = notifications::shown(viewer.clients(), user, answer.notification.unwrap_or_default());
            // It is read, whether or not it can be shown: its organization may be one's own no more, or not be known.
            let notification = notification.await.ok().flatten().and_then(Notification::new);
            Ok::<_, Refusal>((notification, live_cursor))
        };
        Some(outcome.await.into())
    }

    /// Marks all of one's own notifications as read, on all devices.
    async fn read_all_notifications(&self, ctx: &Context<'_>) -> Option<ReadAllNotificationsPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.request(ctx, ReadAllNotificationsRequest {})?;
            let answer = viewer.clients().project.clone().read_all_notifications(request).await?.into_inner();
            Ok::<_, Refusal>((Some(answer.count), live_cursor(answer.position.as_ref())))
        };
        Some(outcome.await.into())
    }

    /// Changes what one is notified of, from now on.
    async fn update_notification_preferences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateNotificationPreferencesInput,
    ) -> Option<UpdateNotificationPreferencesPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let UpdateNotificationPreferencesInput { assigned, mentioned, commented, added, role_changed } = input;
            let message = UpdateNotificationPreferencesRequest { assigned, mentioned, commented, added, role_changed };
            let request = viewer.user()?.request(message);
            let answer = viewer.clients().project.clone().update_notification_preferences(request).await?;
            let preferences = answer.into_inner().preferences.unwrap_or_default();
            Ok::<_, Refusal>((Some(preferences.into()),))
        };
        Some(outcome.await.into())
    }

    /// Watches a task: its comments notify one from now on. Who made it, is assigned to it or commented on it is
    /// notified in any case.
    async fn watch_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Such as `WEB-1`, in any case.")] task_id: String,
    ) -> Option<WatchTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(WatchTaskRequest { org: org_slug, task_id });
            viewer.clients().project.clone().watch_task(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }

    /// Watches a task no more.
    async fn unwatch_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Such as `WEB-1`, in any case.")] task_id: String,
    ) -> Option<UnwatchTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(UnwatchTaskRequest { org: org_slug, task_id });
            viewer.clients().project.clone().unwatch_task(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}
