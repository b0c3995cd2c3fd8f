//! What a user's order of events told of an organization before the user ceased to be a member: never shown again.
//!
//! The log has emptied those events when `notification.forgotten` comes. What was read before is still in a ring, in a
//! page, in the hand of a slow socket; whoever takes from there asks here.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use trellis_proto::project::v1::project_event::Object;
use uuid::Uuid;

use super::ring::Entry;

/// Of one feed: the organizations that were forgotten, each with the number of the last event that said so.
#[derive(Default)]
pub struct Forgotten {
    /// Most scopes forget nothing.
    any: AtomicBool,
    until: RwLock<HashMap<Uuid, u64>>,
}

impl Forgotten {
    /// Takes note of an event that forgets an organization; before anybody is shown it.
    pub fn note(&self, entry: &Entry) {
        if let Some(org) = forgets(entry) {
            let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
            let last = until.entry(org).or_default();
            *last = entry.at.seq.max(*last);
            self.any.store(true, Ordering::Release);
        }
    }

    /// Whether it must not be shown any more.
    pub fn hides(&self, entry: &Entry) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let Some(org) = tells_of(entry) else { return false };
        let until = self.until.read().unwrap_or_else(PoisonError::into_inner);
        until.get(&org).is_some_and(|until| entry.at.seq < *until)
    }

    /// The order begins anew.
    pub fn clear(&self) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The organization that a user's event tells of; `None` of events that are an organization's own.
pub fn tells_of(entry: &Entry) -> Option<Uuid> {
    match &entry.happened()?.payload.object {
        Some(Object::Notification(notification)) => notification.organization.as_ref()?.id.parse().ok(),
        _ => None,
    }
}

fn forgets(entry: &Entry) -> Option<Uuid> {
    match &entry.happened()?.payload.object {
        Some(Object::Forgotten(forgotten)) => forgotten.org_id.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use trellis_proto::project::v1::{self as wire, ProjectEvent};

    use super::*;
    use crate::{cursor::Cursor, live::ring::Happened};

    const ACME: Uuid = Uuid::from_u128(0xac);
    const OTHER: Uuid = Uuid::from_u128(0x0e);

    fn entry(seq: u64, object: Object) -> Entry {
        let payload = ProjectEvent { object: Some(object), changes: Vec::new() };
        let happened = Happened { kind: "k".into(), actor: None, occurred_at: None, payload };
        let at = Cursor { epoch: Uuid::nil(), scope: Uuid::nil(), seq };
        Entry::new(at, None, 0, "{}".into()).about(happened, 0)
    }

    fn notification(seq: u64, org: Uuid) -> Entry {
        let organization = wire::notification::Organization { id: org.to_string(), ..Default::default() };
        let notification = wire::Notification { organization: Some(organization), ..wire::Notification::default() };
        entry(seq, Object::Notification(notification))
    }

    fn end(seq: u64, org: Uuid) -> Entry {
        entry(seq, Object::Forgotten(wire::Forgotten { org_id: org.to_string() }))
    }

    #[test]
    fn what_came_before_is_hidden_and_nothing_else() {
        let forgotten = Forgotten::default();
        assert!(!forgotten.hides(&notification(1, ACME)));
        forgotten.note(&notification(2, ACME));
        assert!(!forgotten.hides(&notification(1, ACME)));
        forgotten.note(&end(5, ACME));
        assert!(forgotten.hides(&notification(1, ACME)) && forgotten.hides(&notification(4, ACME)));
        assert!(!forgotten.hides(&notification(6, ACME)), "a member again");
        assert!(!forgotten.hides(&notification(1, OTHER)));
        assert!(!forgotten.hides(&end(5, ACME)) && !forgotten.hides(&end(3, ACME)), "that it ended is told");
        assert!(!forgotten.hides(&entry(1, Object::AllRead(wire::AllRead::default()))));
    }

    #[test]
    fn the_last_end_counts_until_the_order_begins_anew() {
        let forgotten = Forgotten::default();
        forgotten.note(&end(9, ACME));
        forgotten.note(&end(5, ACME));
        assert!(forgotten.hides(&notification(8, ACME)));
        forgotten.clear();
        assert!(!forgotten.hides(&notification(8, ACME)));
    }
}
