//! The caller's own notifications: listed, and read.

use prost::Message;
use trellis_authn::Caller;
use trellis_eventlog::{LogError, NewEvent};
use trellis_proto::project::v1::{
    ListNotificationsRequest, ListNotificationsResponse, ReadAllNotificationsRequest, ReadAllNotificationsResponse,
    ReadNotificationRequest, ReadNotificationResponse,
};
use trellis_rpc::IdempotencyKey;
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{Ops, values::window};
use crate::{
    domain::{Kind, SeqCursor},
    error::{Error, Resource},
    store::{notification_list, notifications},
    wire,
};

impl Ops {
    pub async fn list_notifications(
        &self,
        caller: &Caller,
        request: ListNotificationsRequest,
    ) -> Result<ListNotificationsResponse, Error> {
        let user = caller.user().map_err(Error::Caller)?.id;
        let window = window(request.page.as_ref(), SeqCursor::parse)?;
        let mut conn = self.connection().await?;
        let listed = notification_list::of_user(&mut conn, user, request.unread, &window).await?;
        let shown = window.show(listed.rows, |last| SeqCursor { seq: last.seq }.encode());
        Ok(ListNotificationsResponse {
            notifications: shown.items.iter().map(wire::notification).collect(),
            next_cursor: shown.next_cursor,
            cursors: shown.cursors,
            unread_count: listed.unread,
            position: Some(self.log.position(user, listed.last_seq)),
        })
    }

    /// What is read already stays as it is.
    pub async fn read_notification(
        &self,
        caller: &Caller,
        request: ReadNotificationRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<ReadNotificationResponse>, Error> {
        let gone = || Error::NotFound(Resource::Notification);
        let user = caller.user().map_err(Error::Caller)?.id;
        let once = Once::new(user, key);
        let kept = once.look::<ReadNotificationResponse>(&self.log).await?;
        let id = Uuid::try_parse(&request.id).map_err(|_| gone())?;
        if let Some(message) = kept {
            return self.read_before(user, id, message).await;
        }
        let mut write = match self.log.begin(user).await {
            Err(LogError::NoScope) => return Err(gone()),
            begun => begun?,
        };
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return self.read_before(user, id, message).await;
        }
        let mut notification = notifications::find(write.conn(), user, id).await?.ok_or_else(gone)?;
        if notification.read_at.is_some() {
            let kept = ReadNotificationResponse { notification: None, position: Some(write.unchanged().await?) };
            let mut answer = self.keep_unchanged(&once, kept).await?;
            answer.message.notification = Some(wire::notification(&notification));
            return Ok(answer);
        }
        notification.read_at = Some(notifications::read(write.conn(), user, id).await?.ok_or_else(gone)?);
        // Kept without the notification, of which nothing may be left when it is forgotten.
        let kept = ReadNotificationResponse { notification: None, position: Some(write.position()) };
        once.keep(write.conn(), &kept).await?;
        let event = NewEvent {
            kind: Kind::NotificationRead.as_str(),
            actor: Some(user),
            // By it the event is forgotten with the organization.
            subject: Some(notification.news.organization.id),
            payload: wire::notification_event(&notification),
        };
        let position = Some(write.commit(event).await?);
        let notification = Some(wire::notification(&notification));
        Ok(Answer::first(ReadNotificationResponse { notification, position }))
    }

    /// A kept answer again, with the notification where it is still there.
    async fn read_before(
        &self,
        user: Uuid,
        id: Uuid,
        mut kept: ReadNotificationResponse,
    ) -> Result<Answer<ReadNotificationResponse>, Error> {
        let mut conn = self.connection().await?;
        kept.notification = notifications::find(&mut conn, user, id).await?.as_ref().map(wire::notification);
        Ok(Answer::again(kept))
    }

    /// Keeps the answer of what changed nothing: it is no event, and still the answer to the key.
    async fn keep_unchanged<M>(&self, once: &Once, message: M) -> Result<Answer<M>, Error>
    where
        M: Message + Default,
    {
        if !once.has_key() {
            return Ok(Answer::first(message));
        }
        let mut write = self.log.begin_unlogged().await?;
        if let Some(message) = once.find(write.conn()).await? {
            return Ok(Answer::again(message));
        }
        once.keep(write.conn(), &message).await?;
        write.commit().await?;
        Ok(Answer::first(message))
    }

    pub async fn read_all_notifications(
        &self,
        caller: &Caller,
        _: ReadAllNotificationsRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<ReadAllNotificationsResponse>, Error> {
        let user = caller.user().map_err(Error::Caller)?.id;
        let once = Once::new(user, key);
        if let Some(message) = once.look(&self.log).await? {
            return Ok(Answer::again(message));
        }
        let mut write = self.log.begin_or_new(user).await?;
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return Ok(Answer::again(message));
        }
        let (count, at) = notifications::read_all(write.conn(), user).await?;
        if count == 0 {
            let position = Some(write.unchanged().await?);
            // What comes later is not read by asking again.
            return self.keep_unchanged(&once, ReadAllNotificationsResponse { count, position }).await;
        }
        let response = ReadAllNotificationsResponse { count, position: Some(write.position()) };
        once.keep(write.conn(), &response).await?;
        let event = NewEvent {
            kind: Kind::NotificationsAllRead.as_str(),
            actor: Some(user),
            subject: None,
            payload: wire::all_read_event(at),
        };
        write.commit(event).await?;
        Ok(Answer::first(response))
    }
}
