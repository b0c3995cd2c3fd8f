//! The sockets of this gateway by user and session, so that an ended session or membership reaches its sockets alone.
//! Those who listen to a topic within a socket are known, too, and do not count as sockets.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{broadcast, broadcast::error::RecvError};
use trellis_authn::{MembershipChange, Memberships, Sessions};
use uuid::Uuid;

use super::control::{self, Control, Controls, Teller};

/// All sockets that have signed in.
#[derive(Default)]
pub struct Registry(Mutex<Sockets>);

#[derive(Default)]
struct Sockets {
    next: u64,
    all: HashMap<u64, Known>,
    by_user: HashMap<Uuid, OfUser>,
    by_session: HashMap<Uuid, HashSet<u64>>,
}

#[derive(Default)]
struct OfUser {
    numbers: HashSet<u64>,
    sockets: usize,
}

struct Known {
    user: Uuid,
    /// `None`: no socket, somebody within one.
    session: Option<Uuid>,
    control: Teller,
}

/// A socket's entry; it is forgotten when this is dropped.
pub struct Registration {
    registry: Arc<Registry>,
    number: u64,
    pub control: Controls,
}

impl Registry {
    /// `None`: the user has `most` sockets already.
    pub fn register(self: &Arc<Self>, user: Uuid, session: Uuid, most: usize) -> Option<Registration> {
        let mut sockets = self.lock();
        if sockets.by_user.get(&user).is_some_and(|of_user| of_user.sockets >= most) {
            return None;
        }
        let (number, told) = sockets.enter(user, Some(session));
        drop(sockets);
        metrics::gauge!("live_sockets").increment(1.0);
        Some(Registration { registry: Arc::clone(self), number, control: told })
    }

    /// Somebody within a socket, who is told of memberships; of sessions only the socket itself is told.
    pub fn register_within(self: &Arc<Self>, user: Uuid) -> Registration {
        let (number, told) = self.lock().enter(user, None);
        Registration { registry: Arc::clone(self), number, control: told }
    }

    fn session_ended(&self, session: Uuid) {
        let sockets = self.lock();
        for number in sockets.by_session.get(&session).into_iter().flatten() {
            sockets.tell(*number, Control::SessionEnded);
        }
    }

    fn changed(&self, change: MembershipChange) {
        let sockets = self.lock();
        match change {
            MembershipChange::Removed { org_id, user_id, .. } => {
                for number in sockets.by_user.get(&user_id).into_iter().flat_map(|of_user| &of_user.numbers) {
                    sockets.tell(*number, Control::Lost { org_id });
                }
            }
            MembershipChange::OrganizationDeleted { org_id, .. } => sockets.tell_all(Control::Lost { org_id }),
            MembershipChange::Reset => sockets.tell_all(Control::CheckAll),
            MembershipChange::Changed { .. } | MembershipChange::OrganizationChanged { .. } => {}
        }
    }

    fn check_sessions(&self, sessions: &Sessions) {
        let held: Vec<Uuid> = self.lock().by_session.keys().copied().collect();
        for session in held {
            if sessions.is_revoked(session) {
                self.session_ended(session);
            }
        }
    }

    /// Tells sockets of sessions as they end. Runs for ever.
    pub async fn follow_sessions(&self, sessions: &Sessions, mut ended: broadcast::Receiver<Uuid>) {
        loop {
            match ended.recv().await {
                Ok(session) => self.session_ended(session),
                Err(RecvError::Lagged(_)) => self.check_sessions(sessions),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Tells sockets of memberships as they end. Runs for ever.
    pub async fn follow_memberships(&self, memberships: &Memberships) {
        let mut changes = memberships.changes();
        loop {
            match changes.recv().await {
                Ok(change) => self.changed(change),
                Err(RecvError::Lagged(_)) => self.changed(MembershipChange::Reset),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets {
    fn enter(&mut self, user: Uuid, session: Option<Uuid>) -> (u64, Controls) {
        let (control, told) = control::channel();
        let number = self.next;
        self.next += 1;
        let of_user = self.by_user.entry(user).or_default();
        of_user.numbers.insert(number);
        if let Some(session) = session {
            of_user.sockets += 1;
            self.by_session.entry(session).or_default().insert(number);
        }
        self.all.insert(number, Known { user, session, control });
        (number, told)
    }

    /// Whether it was a socket.
    fn leave(&mut self, number: u64) -> bool {
        let Some(Known { user, session, .. }) = self.all.remove(&number) else { return false };
        if let Some(session) = session {
            self.forget_session(session, number);
        }
        if let Some(of_user) = self.by_user.get_mut(&user) {
            of_user.numbers.remove(&number);
            of_user.sockets -= usize::from(session.is_some());
            if of_user.numbers.is_empty() {
                self.by_user.remove(&user);
            }
        }
        session.is_some()
    }

    fn tell(&self, number: u64, control: Control) {
        if let Some(known) = self.all.get(&number) {
            known.control.tell(control);
        }
    }

    fn tell_all(&self, control: Control) {
        self.all.values().for_each(|known| known.control.tell(control));
    }

    fn forget_session(&mut self, session: Uuid, number: u64) {
        if let Some(of_session) = self.by_session.get_mut(&session) {
            of_session.remove(&number);
            if of_session.is_empty() {
                self.by_session.remove(&session);
            }
        }
    }
}

impl Registration {
    /// A fresh token, perhaps of another session of the same user.
    pub fn session_is(&self, session: Uuid) {
        let mut sockets = self.registry.lock();
        let Some(known) = sockets.all.get_mut(&self.number) else { return };
        let before = known.session.replace(session);
        if before != Some(session) {
            if let Some(before) = before {
                sockets.forget_session(before, self.number);
            }
            sockets.by_session.entry(session).or_default().insert(self.number);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let was_socket = self.registry.lock().leave(self.number);
        if was_socket {
            metrics::gauge!("live_sockets").decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ANN: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);
    const ORG: Uuid = Uuid::from_u128(9);

    fn told(registration: &mut Registration) -> Vec<Control> {
        std::iter::from_fn(|| registration.control.try_recv().ok()).collect()
    }

    #[test]
    fn news_reach_those_whom_they_concern() {
        let registry = Arc::new(Registry::default());
        let (one, two) = (Uuid::from_u128(11), Uuid::from_u128(12));
        let mut ann = registry.register(ANN, one, 10).unwrap();
        let mut bob = registry.register(BOB, two, 10).unwrap();
        registry.session_ended(one);
        assert_eq!((told(&mut ann), told(&mut bob)), (vec![Control::SessionEnded], vec![]));
        registry.changed(MembershipChange::Removed { org_id: ORG, user_id: BOB, seq: 1 });
        assert_eq!((told(&mut ann), told(&mut bob)), (vec![], vec![Control::Lost { org_id: ORG }]));
        registry.changed(MembershipChange::OrganizationDeleted { org_id: ORG, seq: 2 });
        assert_eq!(told(&mut ann), told(&mut bob));
        registry.changed(MembershipChange::Changed { org_id: ORG, user_id: ANN, seq: 3 });
        registry.changed(MembershipChange::OrganizationChanged { org_id: ORG, seq: 4 });
        assert_eq!(told(&mut ann), []);
        registry.changed(MembershipChange::Reset);
        assert_eq!(told(&mut bob), [Control::CheckAll]);
    }

    #[test]
    fn a_fresh_token_moves_the_socket_to_its_session() {
        let registry = Arc::new(Registry::default());
        let (one, two) = (Uuid::from_u128(11), Uuid::from_u128(12));
        let mut ann = registry.register(ANN, one, 10).unwrap();
        ann.session_is(two);
        registry.session_ended(one);
        assert_eq!(told(&mut ann), []);
        registry.session_ended(two);
        assert_eq!(told(&mut ann), [Control::SessionEnded]);
    }

    #[test]
    fn who_listens_within_a_socket_is_told_of_memberships_and_does_not_count() {
        let registry = Arc::new(Registry::default());
        let mut within = registry.register_within(ANN);
        let socket = registry.register(ANN, ORG, 1).unwrap();
        registry.changed(MembershipChange::Removed { org_id: ORG, user_id: ANN, seq: 1 });
        registry.session_ended(ORG);
        assert_eq!(told(&mut within), [Control::Lost { org_id: ORG }]);
        drop(within);
        assert!(registry.register(ANN, ORG, 1).is_none());
        drop(socket);
        assert!(registry.lock().by_user.is_empty());
    }

    #[test]
    fn a_user_has_only_so_many_and_leaves_nothing_behind() {
        let registry = Arc::new(Registry::default());
        let first = registry.register(ANN, ORG, 1).unwrap();
        assert!(registry.register(ANN, ORG, 1).is_none());
        assert!(registry.register(BOB, ORG, 1).is_some());
        drop(first);
        assert!(registry.register(ANN, ORG, 1).is_some());
        let sockets = registry.lock();
        assert!(sockets.all.is_empty() && sockets.by_user.is_empty() && sockets.by_session.is_empty());
    }
}
