//! People.

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::{
    identity::v1::{self as proto, ListSessionsRequest},
    project::v1::{GetNotificationPreferencesRequest, ListNotificationsRequest, ListNotificationsResponse},
};

use super::{Notification, NotificationConnection, NotificationPreferences, Session};
use crate::{
    graphql::{
        Refusal, Viewer,
        connection::{self, Connection, Page, Window},
        loaders::{Loaders, read},
        scalars::DateTime,
    },
    json, notifications,
};

/// A person.
pub struct User {
    pub person: json::Person,
    /// Known of oneself alone.
    pub created_at: Option<DateTime>,
}

impl From<json::Person> for User {
    fn from(person: json::Person) -> Self {
        Self { person, created_at: None }
    }
}

/// Oneself.
impl From<proto::User> for User {
    fn from(user: proto::User) -> Self {
        let created_at = DateTime::of(user.created_at.as_ref());
        Self { person: user.into(), created_at }
    }
}

impl User {
    fn is_viewer(&self, viewer: &Viewer) -> bool {
        viewer.user().is_ok_and(|user| user.id.to_string() == self.person.id)
    }

    /// Whether this is `me`. One's own name may stand in every row of a list, too; those are not asked for row by row.
    fn is_me(&self, viewer: &Viewer) -> bool {
        self.created_at.is_some() && self.is_viewer(viewer)
    }
}

/// A person.
#[Object]
impl User {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.person.id.clone())
    }

    /// The login name.
    async fn email(&self) -> &str {
        &self.person.email
    }

    /// The name that others see.
    async fn name(&self) -> &str {
        &self.person.name
    }

    /// When the account was made; of oneself alone.
    async fn created_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        // One person has one value wherever he stands in an answer: caches of clients go by the id.
        if self.created_at.is_none() && self.is_viewer(Viewer::of(ctx)) {
            return Ok(Loaders::of(ctx).own_created_at().await?);
        }
        Ok(self.created_at.clone())
    }

    /// Where one is logged in, the last used first; of `me` alone, null of anybody else.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Option<Vec<Session>>> {
        let viewer = Viewer::of(ctx);
        if !self.is_me(viewer) {
            return Ok(None);
        }
        let page = proto::Page { all: true, ..proto::Page::default() };
        let answer = read!(viewer, identity.list_sessions(ListSessionsRequest { page: Some(page) }))?;
        Ok(Some(answer.sessions.into_iter().map(Session).collect()))
    }

    /// One's own notifications, the newest first; of `me` alone, null of anybody else.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments)]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
        #[graphql(desc = "Only those that are not read.")] unread: Option<bool>,
    ) -> Result<Option<NotificationConnection>> {
        let viewer = Viewer::of(ctx);
        if !self.is_me(viewer) {
            return Ok(None);
        }
        let window = Window::new(first, after, last, before)?;
        let message = ListNotificationsRequest { unread: unread.unwrap_or_default(), page: Some((&window).into()) };
        let answer = notifications::list(viewer.clients(), viewer.user()?, message).await;
        let answer = answer.map_err(|status| window.refused(Refusal::from(status)))?;
        let ListNotificationsResponse { notifications, cursors, next_cursor, unread_count, position } = answer;
        let known = notifications.into_iter().zip(cursors);
        let (items, cursors) = known.filter_map(|(found, cursor)| Some((Notification::new(found)?, cursor))).unzip();
        let page = Connection::new(&window, Page { items, cursors, next_cursor, position });
        Ok(Some(NotificationConnection { page, unread_count }))
    }

    /// What one is notified of; of `me` alone, null of anybody else.
    async fn notification_preferences(&self, ctx: &Context<'_>) -> Result<Option<NotificationPreferences>> {
        let viewer = Viewer::of(ctx);
        if !self.is_me(viewer) {
            return Ok(None);
        }
        let answer = read!(viewer, project.get_notification_preferences(GetNotificationPreferencesRequest {}))?;
        Ok(Some(answer.preferences.unwrap_or_default().into()))
    }
}
