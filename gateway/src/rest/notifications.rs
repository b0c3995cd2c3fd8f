//! `/me/notifications` and `/me/notification-preferences`: what one should see, and of what kinds.

use axum::extract::State;
use trellis_proto::project::v1::{
    GetNotificationPreferencesRequest, ListNotificationsRequest, ListNotificationsResponse, Page,
    ReadAllNotificationsRequest, ReadNotificationRequest, UpdateNotificationPreferencesRequest,
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::SignedIn,
    body::{Input, Sent},
    json, notifications,
    params::{IdPath, Params},
    query::{NotificationParams, PageParams, Query},
};

/// My notifications
///
/// The newest first. They are there until one is no member of their organization any more, for 90 days and at most 1,000.
#[utoipa::path(get, path = "/api/v1/me/notifications", tag = "notifications", operation_id = "listMyNotifications",
    params(PageParams, NotificationParams), responses((status = 200, body = json::NotificationPage)))]
pub async fn list(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    mut query: Query,
) -> Outcome<json::NotificationPage> {
    let (limit, cursor) = query.page()?;
    let unread = query.flag("unread")?;
    let message = ListNotificationsRequest { unread, page: Some(Page { limit, cursor, ..Page::default() }) };
    let answer = notifications::list(&gateway.clients, &user, message).await?;
    let ListNotificationsResponse { notifications, next_cursor, unread_count, position, .. } = answer;
    let people = gateway.people.find(notifications.iter().flat_map(json::Notification::people)).await;
    let items = notifications.into_iter().filter_map(|found| json::Notification::new(found, &people)).collect();
    let next_cursor = (!next_cursor.is_empty()).then_some(next_cursor);
    Ok(Answer::ok(json::NotificationPage { items, next_cursor, unread_count }).position(position.as_ref()))
}

/// Mark a notification as read
///
/// On all devices. Doing it again changes nothing.
#[utoipa::path(post, path = "/api/v1/me/notifications/{id}/read", tag = "notifications",
    operation_id = "readNotification", responses((status = 204)))]
pub async fn read(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Params(IdPath { id }): Params<IdPath>,
    sent: Sent,
) -> Outcome<Nothing> {
    let request = sent.request(&user, ReadNotificationRequest { id })?;
    let answer = gateway.clients.project.clone().read_notification(request).await?;
    let replayed = trellis_rpc::was_replayed(&answer);
    Ok(Answer::no_content().position(answer.into_inner().position.as_ref()).replayed(replayed))
}

/// Mark all my notifications as read
///
/// On all devices. Doing it again changes nothing.
#[utoipa::path(post, path = "/api/v1/me/notifications/read-all", tag = "notifications",
    operation_id = "readAllNotifications", responses((status = 204)))]
pub async fn read_all(State(gateway): State<App>, SignedIn(user): SignedIn, sent: Sent) -> Outcome<Nothing> {
    let request = sent.request(&user, ReadAllNotificationsRequest {})?;
    let answer = gateway.clients.project.clone().read_all_notifications(request).await?;
    let replayed = trellis_rpc::was_replayed(&answer);
    Ok(Answer::no_content().position(answer.into_inner().position.as_ref()).replayed(replayed))
}

/// What I am notified of
#[utoipa::path(get, path = "/api/v1/me/notification-preferences", tag = "notifications",
    operation_id = "getNotificationPreferences", responses((status = 200, body = json::NotificationPreferences)))]
pub async fn preferences(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
) -> Outcome<json::NotificationPreferences> {
    let clients = &gateway.clients;
    let message = GetNotificationPreferencesRequest {};
    let answer = clients
        .read(&clients.project, &user, message, |mut project, request| async move {
            project.get_notification_preferences(request).await
        })
        .await?;
    Ok(Answer::ok(answer.into_inner().preferences.unwrap_or_default().into()))
}

crate::body! {
    /// Only what is sent is changed.
    pub struct NotificationPreferenceChanges {
        #[schema(nullable = false)]
        assigned: Option<bool>,
        #[schema(nullable = false)]
        mentioned: Option<bool>,
        #[schema(nullable = false)]
        commented: Option<bool>,
        #[schema(nullable = false)]
        added: Option<bool>,
        #[schema(nullable = false)]
        role_changed: Option<bool>,
    }
}

/// Change what I am notified of
///
/// From now on: what is there already stays.
#[utoipa::path(patch, path = "/api/v1/me/notification-preferences", tag = "notifications",
    operation_id = "updateNotificationPreferences", request_body = NotificationPreferenceChanges,
    responses((status = 200, body = json::NotificationPreferences)))]
pub async fn update_preferences(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Input { value, sent }: Input<NotificationPreferenceChanges>,
) -> Outcome<json::NotificationPreferences> {
    let NotificationPreferenceChanges { assigned, mentioned, commented, added, role_changed } = value;
    let message = UpdateNotificationPreferencesRequest { assigned, mentioned, commented, added, role_changed };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.project.clone().update_notification_preferences(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    Ok(Answer::ok(answer.into_inner().preferences.unwrap_or_default().into()))
}
