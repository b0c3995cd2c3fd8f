//! One's own notifications, read with one's own organizations beside them: what is of an organization that one does not
//! belong to is left out, and organizations have the names that they have today.
//!
//! Notifications of an organization are forgotten when a membership ends. That takes a moment, in which nobody is shown
//! them either.

use std::{collections::HashMap, iter};

use tonic::Status;
use trellis_authn::User;
use trellis_proto::{
    org::v1::{ListOrganizationsRequest, Organization, Page},
    project::v1::{ListNotificationsRequest, ListNotificationsResponse, Notification},
};

use crate::clients::Clients;

/// A page of them.
pub async fn list(
    clients: &Clients,
    user: &User,
    message: ListNotificationsRequest,
) -> Result<ListNotificationsResponse, Status> {
    let listed = clients.read(&clients.project, user, message, |mut project, request| async move {
        project.list_notifications(request).await
    });
    let mut answer = listed.await?.into_inner();
    if answer.notifications.is_empty() {
        return Ok(answer);
    }
    let mine = Mine::ask(clients, user).await?;
    let cursors = std::mem::take(&mut answer.cursors).into_iter().map(Some).chain(iter::repeat(None));
    for (notification, cursor) in std::mem::take(&mut answer.notifications).into_iter().zip(cursors) {
        let unread = notification.read_at.is_none();
        if let Some(notification) = mine.today(notification) {
            answer.notifications.push(notification);
            answer.cursors.extend(cursor);
        } else {
            answer.unread_count = answer.unread_count.saturating_sub(unread.into());
        }
    }
    Ok(answer)
}

/// One of them as it may be shown; `None` where it may not.
pub async fn shown(clients: &Clients, user: &User, notification: Notification) -> Result<Option<Notification>, Status> {
    Ok(Mine::ask(clients, user).await?.today(notification))
}

/// The organizations that one belongs to, by id.
struct Mine(HashMap<String, Organization>);

impl Mine {
    /// Asked after the notifications, not beside them: whoever has just joined is notified of it, and a membership that
    /// was asked for before would not know of that.
    async fn ask(clients: &Clients, user: &User) -> Result<Self, Status> {
        let page = Page { all: true, ..Page::default() };
        let message = ListOrganizationsRequest { mine: true, page: Some(page) };
        let answer = clients
            .read(&clients.org, user, message, |mut org, request| async move { org.list_organizations(request).await });
        let organizations = answer.await?.into_inner().organizations;
        Ok(Self(organizations.into_iter().map(|organization| (organization.id.clone(), organization)).collect()))
    }

    fn today(&self, mut notification: Notification) -> Option<Notification> {
        let named = notification.organization.as_mut()?;
        let known = self.0.get(&named.id)?;
        named.slug.clone_from(&known.slug);
        named.name.clone_from(&known.name);
        Some(notification)
    }
}
