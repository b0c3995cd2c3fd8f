//! Tells users: each notification is one write of its user's scope, so that all devices hear of it in one order, and so
//! is forgetting all that is about an organization.
//!
//! Both stand behind a fence: a place in org's feed that must not have been left since the membership was asked for.
//! Removals move the place on, so that whoever was stopped between the question and the write writes nothing.

use trellis_eventlog::{Log, NewEvent};
use uuid::Uuid;

use super::seq;
use crate::{
    domain::{Kind, News, Notification, Reason},
    error::Error,
    store::{
        notifications::{self, Made},
        org_feed::{self, Fence},
        watchers,
    },
    wire,
};

/// What became of a write behind a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is done now, or was done before.
    Yes,
    /// Memberships have changed since: ask again.
    Moved,
}

/// Writes notifications. Cheap to clone.
#[derive(Clone)]
pub struct Teller {
    log: Log,
}

impl Teller {
    pub fn new(log: Log) -> Self {
        metrics::describe_counter!("trellis_notifications_total", "Notifications that were made, by kind.");
        Self { log }
    }

    /// Once per event and user, whoever does it and however often.
    pub async fn tell(&self, user: Uuid, reason: Reason, news: &News, fence: &Fence) -> Result<Told, Error> {
        let mut write = self.log.begin_or_new(user).await?;
        let (id, number) = (Uuid::now_v7(), seq(&write));
        let created_at = match notifications::insert(write.conn(), user, (id, number), reason, news, fence).await? {
            Made::New(at) => at,
            Made::Known => return write.unchanged().await.map(|_| Told::Yes).map_err(Into::into),
            Made::Moved => return write.unchanged().await.map(|_| Told::Moved).map_err(Into::into),
        };
        // Before, there cannot be more.
        if number > notifications::MOST {
            notifications::trim(write.conn(), user).await?;
        }
        let notification = Notification { id, seq: number, reason, news: news.clone(), created_at, read_at: None };
        let event = NewEvent {
            kind: Kind::NotificationCreated.as_str(),
            actor: news.actor,
            // By it the event is forgotten with the organization.
            subject: Some(news.organization.id),
            payload: wire::notification_event(&notification),
        };
        write.commit(event).await?;
        metrics::counter!("trellis_notifications_total", "kind" => reason.as_str()).increment(1);
        Ok(Told::Yes)
    }

    /// Takes from a user all that is about an organization: notifications, what events of them say, and what is watched.
    /// Only where there is something is there an event.
    pub async fn forget(&self, user: Uuid, org_id: Uuid, fence: &Fence) -> Result<Told, Error> {
        let mut write = self.log.of(org_id).begin_or_new(user).await?;
        if !org_feed::holds(write.conn(), fence).await? {
            write.unchanged().await?;
            return Ok(Told::Moved);
        }
        let kind = Kind::NotificationsForgotten.as_str();
        let gone = notifications::forget(write.conn(), user, org_id).await?
            + watchers::forget(write.conn(), org_id, user).await?
            + write.scrub(org_id, kind).await?;
        if gone == 0 {
            write.unchanged().await?;
            return Ok(Told::Yes);
        }
        let payload = wire::forgotten_event(org_id);
        write.commit(NewEvent { kind, actor: None, subject: Some(org_id), payload }).await?;
        Ok(Told::Yes)
    }
}
