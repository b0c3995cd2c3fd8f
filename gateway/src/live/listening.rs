//! One topic heard by one user as a stream that is pulled, for whatever writes events in a form of its own.
//!
//! Nothing is queued for it: it has a place in the order and goes on from there when it is asked, from the rings and
//! pages that serve the sockets, and under the same checks of rights.

use std::{future::ready, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, sleep_until};
use trellis_authn::User;
use trellis_rpc::Problem;
use uuid::Uuid;

use super::{
    control::Control,
    follow::or_never,
    hub::Hub,
    mailbox::Mailbox,
    reader::Reader,
    registry::Registration,
    ring::{self, Entry},
    subscription::{Budget, Page, Step},
    subscriptions::count,
    topic::Topic,
};
use crate::cursor::Cursor;

/// One event at a time is taken.
const ONE: Budget = Budget { frames: 1, bytes: usize::MAX };

/// What comes next.
pub enum Heard {
    /// It begins behind `at`. `recovered`: with everything that was asked for. Again, with `false`, where what was missed
    /// cannot be had: the state must be read anew.
    Begun {
        at: Cursor,
        recovered: bool,
    },
    Event(Arc<Entry>),
    /// Nothing came for a while; the place meanwhile.
    Position(Cursor),
    /// The user may no longer listen.
    Lost,
}

/// A topic that is listened to.
pub struct Listening {
    hub: Hub,
    user: User,
    /// Slug and id of whose members may listen; `None` where the topic is the user's own.
    org: Option<(String, Uuid)>,
    wants: fn(&Entry) -> bool,
    reader: Reader,
    mailbox: Arc<Mailbox>,
    rights: Registration,
    begun: Option<Heard>,
    page: Option<Arc<Page>>,
    reading: Option<BoxFuture<'static, Arc<Page>>>,
    /// Whether the user may still listen; nothing is given meanwhile.
    checking: Option<BoxFuture<'static, Option<Uuid>>>,
    /// It has all that there is.
    resting: bool,
    lost: bool,
    /// Where the scope stood at the beginning: later events are live, and their delay is measured.
    live_from: u64,
    told_at: Instant,
    /// The last live event that was given: delivered, when the next is asked for.
    given: Option<Arc<Entry>>,
}

impl Hub {
    /// Listens to a topic: from `after` on where that can be had, else from its head.
    pub async fn listen(&self, user: &User, topic: Topic, after: Option<Cursor>) -> Result<Listening, Problem> {
        let request = topic.open();
        self.rates.subscribe(user.id)?;
        // Before the question, so that nothing is missed in between.
        let mut rights = self.sockets.register_within(user.id);
        let opened = self.log.open(user, &request, after.is_some()).await?;
        let mut unknown = false;
        while let Ok(control) = rights.control.try_recv() {
            unknown |= control == Control::CheckAll;
        }
        // The membership ended while the project service said yes.
        if opened.org_id.is_some_and(|org_id| self.memberships.overtaken(org_id, user.id, opened.access_seq)) {
            return Err(Problem::not_found("organization"));
        }
        let mailbox = Arc::<Mailbox>::default();
        let (reader, recovered) = self.listen_to(&opened, after, 0, Arc::clone(&mailbox));
        count(0, 1);
        let mut listening = Listening {
            hub: self.clone(),
            user: user.clone(),
            org: opened.org_id.map(|org_id| (request.org, org_id)),
            wants: |_| true,
            begun: Some(Heard::Begun { at: reader.place.at, recovered }),
            reader,
            mailbox,
            rights,
            page: None,
            reading: None,
            checking: None,
            resting: false,
            lost: false,
            live_from: opened.head.seq,
            told_at: Instant::now(),
            given: None,
        };
        if unknown {
            listening.check();
        }
        Ok(listening)
    }
}

impl Listening {
    /// Gives only these events; the others are passed over.
    #[must_use]
    pub fn only(mut self, wants: fn(&Entry) -> bool) -> Self {
        self.wants = wants;
        self
    }

    /// What comes next. Safe to drop and ask again: what was not given comes the next time.
    pub async fn next(&mut self) -> Heard {
        if let Some(given) = self.given.take() {
            ring::delivered([&given]);
        }
        while !self.lost {
            let quiet = self.told_at + self.hub.limits.quiet;
            let checked = self.checking.is_none();
            tokio::select! {
                biased;
                Some(control) = self.rights.control.recv() => match control {
                    Control::Lost { org_id } => self.lost = self.is_of(Some(org_id)),
                    Control::CheckAll => self.check(),
                    // The socket's own matter.
                    Control::SessionEnded => {}
                },
                org_id = or_never(&mut self.checking) => self.lost = !self.is_of(org_id),
                page = or_never(&mut self.reading) => self.page = Some(page),
                () = ready(()), if checked && self.reading.is_none() && !self.resting => {
                    if let Some(heard) = self.take() {
                        self.told_at = Instant::now();
                        return heard;
                    }
                }
                () = self.mailbox.woken() => {
                    self.mailbox.take();
                    self.resting = false;
                }
                () = sleep_until(quiet), if checked && self.begun.is_none() => {
                    self.told_at = Instant::now();
                    return Heard::Position(self.reader.place.at);
                }
            }
        }
        Heard::Lost
    }

    fn is_of(&self, org_id: Option<Uuid>) -> bool {
        self.org.as_ref().is_some_and(|(_, own)| Some(*own) == org_id)
    }

    fn check(&mut self) {
        let Some((org, _)) = self.org.clone() else { return };
        let (hub, user) = (self.hub.clone(), self.user.clone());
        // An older question no longer counts.
        self.checking = Some(async move { hub.membership(&user, &org).await }.boxed());
    }

    /// One step forward; `None` where that gave nothing to tell.
    fn take(&mut self) -> Option<Heard> {
        if let Some(begun) = self.begun.take() {
            return Some(begun);
        }
        let mut taken = Vec::new();
        let step = if let Some(page) = &self.page {
            let step = self.reader.replay(page, &mut ONE.clone(), &mut taken);
            if step != Step::More {
                self.page = None;
            }
            step
        } else {
            let step = self.reader.follow(&mut ONE.clone(), &mut taken);
            self.resting = step == Step::Rest;
            step
        };
        match step {
            Step::Rest | Step::More => {}
            Step::Read { .. } => {
                let (hub, wanted) = (self.hub.clone(), self.reader.wanted());
                self.reading = Some(async move { hub.page(wanted).await }.boxed());
            }
            Step::Reset => {
                let at = self.reader.place.at;
                self.live_from = at.seq;
                return Some(Heard::Begun { at, recovered: false });
            }
        }
        let entry = taken.pop().filter(|entry| (self.wants)(entry))?;
        self.given = (entry.at.seq > self.live_from).then(|| Arc::clone(&entry));
        Some(Heard::Event(entry))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        count(1, 0);
    }
}
