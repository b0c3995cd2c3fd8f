//! How a feed wakes a socket: each subscription is noted once until the socket has looked at it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Names a subscription within its socket.
pub type Slot = u64;

/// The subscriptions of one socket whose scopes have moved.
#[derive(Default)]
pub struct Mailbox {
    slots: Mutex<Vec<Slot>>,
    notify: Notify,
}

impl Mailbox {
    /// Resolves when there may be something to take.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }

    pub fn take(&self) -> Vec<Slot> {
        std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One subscription as its feed knows it.
pub struct Listener {
    slot: Slot,
    woken: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl Listener {
    pub fn new(slot: Slot, mailbox: Arc<Mailbox>) -> Self {
        Self { slot, woken: AtomicBool::new(false), mailbox }
    }

    /// The scope has moved.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.mailbox.slots.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
            self.mailbox.notify.notify_one();
        }
    }

    /// The socket is about to look: whatever comes later wakes it again.
    pub fn looking(&self) {
        self.woken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_subscription_is_noted_once_until_it_is_looked_at() {
        let mailbox = Arc::new(Mailbox::default());
        let listener = Listener::new(7, Arc::clone(&mailbox));
        listener.wake();
        listener.wake();
        mailbox.woken().await;
        assert_eq!(mailbox.take(), [7]);
        listener.wake();
        assert_eq!(mailbox.take(), [0; 0], "not looked at yet");
        listener.looking();
        listener.wake();
        assert_eq!(mailbox.take(), [7]);
    }
}
