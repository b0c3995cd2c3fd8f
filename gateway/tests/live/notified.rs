//! The log of a user's own: what the fake services tell of notifications.

use chrono::Utc;
use prost::Message;
use trellis_proto::{
    event::v1::Event,
    project::v1::{
        AllRead, Forgotten, Notification, NotificationKind, ProjectEvent,
        notification::{Organization, Task},
        project_event::Object,
    },
};
use trellis_rpc::convert::timestamp;
use uuid::Uuid;

use crate::store::{ACME, BOB, Store};

impl Store {
    /// Bob has commented on a task of the organization, and the user is to see it; nobody is told.
    pub fn notify(&self, user: Uuid, org_id: Uuid, excerpt: &str) -> Event {
        let slug = if org_id == ACME { "acme" } else { "other" };
        let notification = Notification {
            id: Uuid::now_v7().to_string(),
            kind: NotificationKind::Commented.into(),
            actor_id: BOB.to_string(),
            organization: Some(Organization { id: org_id.to_string(), slug: slug.into(), name: slug.to_uppercase() }),
            task: Some(Task { id: Uuid::nil().to_string(), task_id: "WEB-1".into(), title: "Draw".into() }),
            comment_id: Uuid::nil().to_string(),
            excerpt: excerpt.into(),
            created_at: Some(timestamp(Utc::now())),
            ..Notification::default()
        };
        self.own(user, "notification.created", org_id, Object::Notification(notification))
    }

    /// The user has read what an event told of.
    pub fn read_one(&self, user: Uuid, event: &Event) -> Event {
        let payload = ProjectEvent::decode(event.payload.as_slice()).unwrap();
        let Some(Object::Notification(mut notification)) = payload.object else { panic!("{payload:?}") };
        notification.read_at = Some(timestamp(Utc::now()));
        self.own(user, "notification.read", event.subject_id.parse().unwrap(), Object::Notification(notification))
    }

    pub fn read_all(&self, user: Uuid) -> Event {
        let all_read = AllRead { read_at: Some(timestamp(Utc::now())) };
        self.own(user, "notification.all_read", Uuid::nil(), Object::AllRead(all_read))
    }

    /// The user is no member any more: what there was of the organization is emptied, and said to be.
    pub fn forget(&self, user: Uuid, org_id: Uuid) -> Event {
        {
            let mut known = self.lock();
            let events = &mut known.scopes.get_mut(&user).unwrap().events;
            let of_it = events.iter_mut().filter(|event| event.subject_id == org_id.to_string());
            of_it.for_each(|event| event.payload.clear());
        }
        let forgotten = Forgotten { org_id: org_id.to_string() };
        self.own(user, "notification.forgotten", org_id, Object::Forgotten(forgotten))
    }

    fn own(&self, user: Uuid, kind: &str, subject: Uuid, object: Object) -> Event {
        let payload = ProjectEvent { object: Some(object), changes: Vec::new() };
        let actor = if kind == "notification.created" { BOB } else { user };
        self.lock().append(user, kind, actor, subject, &payload)
    }
}
