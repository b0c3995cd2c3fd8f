//! What a socket is told from outside, in order and bounded: who does not hear in time must look at everything again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc::{
    self,
    error::{TryRecvError, TrySendError},
};
use uuid::Uuid;

/// What one socket may leave unheard.
const BACKLOG: usize = 64;

/// What a socket is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Its token is no longer good.
    SessionEnded,
    /// Its user is no longer a member of the organization, or there is no such organization any more.
    Lost { org_id: Uuid },
    /// Nobody knows what happened: every access must be checked again.
    CheckAll,
}

/// Tells one socket. Never waits for it.
pub struct Teller {
    control: mpsc::Sender<Control>,
    missed: Arc<AtomicBool>,
}

/// What one socket hears.
pub struct Controls {
    told: mpsc::Receiver<Control>,
    /// There was more than it could be told.
    missed: Arc<AtomicBool>,
    check_all: bool,
}

pub fn channel() -> (Teller, Controls) {
    let (control, told) = mpsc::channel(BACKLOG);
    let missed = Arc::<AtomicBool>::default();
    (Teller { control, missed: Arc::clone(&missed) }, Controls { told, missed, check_all: false })
}

impl Teller {
    /// A socket that is about to end hears nothing any more, which is no matter.
    pub fn tell(&self, control: Control) {
        if let Err(TrySendError::Full(_)) = self.control.try_send(control) {
            self.missed.store(true, Ordering::Release);
            // Still full, it has enough to wake it; heard to its end in between, this does.
            self.control.try_send(control).ok();
        }
    }
}

impl Controls {
    /// The next thing; `None` when nobody can tell anything any more. Safe to drop and ask again.
    pub async fn recv(&mut self) -> Option<Control> {
        match self.instead() {
            Some(control) => Some(control),
            None => self.told.recv().await,
        }
    }

    pub fn try_recv(&mut self) -> Result<Control, TryRecvError> {
        match self.instead() {
            Some(control) => Ok(control),
            None => self.told.try_recv(),
        }
    }

    /// What stands for everything that was missed.
    fn instead(&mut self) -> Option<Control> {
        if self.missed.swap(false, Ordering::AcqRel) {
            self.check_all = true;
            return Some(Control::SessionEnded);
        }
        std::mem::take(&mut self.check_all).then_some(Control::CheckAll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_hears_too_little_must_look_at_everything() {
        let (teller, mut controls) = channel();
        let lost = Control::Lost { org_id: Uuid::nil() };
        for _ in 0..1_000 {
            teller.tell(lost);
        }
        assert_eq!(controls.recv().await, Some(Control::SessionEnded));
        assert_eq!(controls.recv().await, Some(Control::CheckAll));
        for _ in 0..BACKLOG {
            assert_eq!(controls.try_recv(), Ok(lost));
        }
        assert_eq!(controls.try_recv(), Err(TryRecvError::Empty));
        teller.tell(Control::SessionEnded);
        assert_eq!(controls.recv().await, Some(Control::SessionEnded));
    }
}
