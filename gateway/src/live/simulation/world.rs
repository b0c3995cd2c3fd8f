//! One scope with its log, what is on its way from there, a feed, and who listens.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::{
        ring::{Entry, Ring},
        sequencer::{Bounds, Next, Sequencer},
        subscription::{Budget, Page, Place, Step, begin},
    },
    Planted,
    happening::Happening,
};
use crate::cursor::Cursor;

const SCOPE: Uuid = Uuid::from_u128(9);

/// What a subscription was told.
#[derive(Debug)]
pub(super) struct Told {
    /// Where the client was told that it stands.
    pub(super) from: Cursor,
    pub(super) seqs: Vec<u64>,
}

pub(super) struct Subscriber {
    pub(super) place: Place,
    /// One since the subscription and one more since each reset.
    pub(super) told: Vec<Told>,
}

/// A subscription between its authorization and its joining.
pub(super) struct Opened {
    head: Cursor,
    oldest: u64,
    after: Option<Cursor>,
    filter: Option<Uuid>,
}

pub struct World {
    planted: Planted,
    pub(super) now: Instant,
    epoch: u128,
    pub(super) head: u64,
    oldest: u64,
    /// How often somebody may be told to begin anew: where something was lost for good, or the database says late what
    /// was true in another epoch.
    pub(super) reasons: usize,
    on_the_way: VecDeque<(Uuid, u64)>,
    told_head: Option<(Uuid, u64)>,
    reading: Option<(u64, Bounds)>,
    sequencer: Sequencer<u64>,
    pub(super) ring: Ring,
    pub(super) opened: VecDeque<Opened>,
    pub(super) subscribers: Vec<Subscriber>,
    counted: BTreeMap<&'static str, usize>,
}

pub(super) fn subject(seq: u64) -> Uuid {
    Uuid::from_u128(u128::from(seq % 3))
}

fn entry(epoch: Uuid, seq: u64) -> Arc<Entry> {
    Arc::new(Entry::new(Cursor { epoch, scope: SCOPE, seq }, Some(subject(seq)), 0, "{}".into()))
}

impl World {
    pub fn new(planted: Planted) -> Self {
        let epoch = Uuid::from_u128(1);
        Self {
            planted,
            now: Instant::now(),
            epoch: 1,
            head: 5,
            oldest: 0,
            reasons: 0,
            on_the_way: VecDeque::new(),
            told_head: None,
            reading: None,
            sequencer: Sequencer::new(epoch, 5),
            ring: Ring::new(epoch, 5),
            opened: VecDeque::new(),
            subscribers: Vec::new(),
            counted: BTreeMap::new(),
        }
    }

    pub fn counted(self) -> BTreeMap<&'static str, usize> {
        self.counted
    }

    fn count(&mut self, what: &'static str, how_many: usize) {
        *self.counted.entry(what).or_default() += how_many;
    }

    pub(super) fn epoch(&self) -> Uuid {
        Uuid::from_u128(self.epoch)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { epoch: self.epoch(), head: self.head, oldest: self.oldest }
    }

    pub fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Commit(count) => {
                for _ in 0..count {
                    self.head += 1;
                    self.on_the_way.push_back((self.epoch(), self.head));
                }
            }
            Happening::Arrive(which) => self.arrive(which, false),
            Happening::Double(which) => self.arrive(which, true),
            Happening::Lose(which) => {
                if !self.on_the_way.is_empty() {
                    self.on_the_way.remove(which % self.on_the_way.len());
                }
            }
            Happening::AskHead => self.told_head = Some((self.epoch(), self.head)),
            Happening::TellHead => {
                if let Some((epoch, head)) = self.told_head.take() {
                    self.head_is(epoch, head);
                }
            }
            Happening::Answer { most } => self.answer(self.bounds(), most),
            Happening::LateAnswer => {
                if let Some((_, then)) = self.reading {
                    self.answer(then, 200);
                }
            }
            Happening::Fail => {
                if self.reading.take().is_some() {
                    self.sequencer.read_failed(self.now);
                }
            }
            Happening::Wait(time) => self.now += time,
            Happening::Reconnect => self.sequencer.doubt(),
            Happening::Open { back, filter } => self.open(back, filter),
            Happening::Join => self.join(),
            Happening::Take { which, frames, page } => {
                if !self.subscribers.is_empty() {
                    self.take(which % self.subscribers.len(), Budget { frames, bytes: 1 << 20 }, page);
                }
            }
            Happening::Forget(keep) => {
                self.oldest = self.oldest.max(self.head.saturating_sub(keep));
                self.reasons += 2;
            }
            Happening::Anew(head) => {
                self.epoch += 1;
                self.head = head;
                self.oldest = 0;
                self.reasons += 2;
            }
        }
        self.step();
    }

    /// What the feed's task does after anything happened.
    pub(super) fn step(&mut self) {
        for seq in self.sequencer.take(self.now) {
            self.ring.push(entry(self.sequencer.epoch(), seq));
        }
        if let Next::Read { after } = self.sequencer.next(self.now) {
            assert!(self.reading.is_none(), "one read at a time");
            self.reading = Some((after, self.bounds()));
            self.count("read by the feed", 1);
        }
    }

    fn arrive(&mut self, which: usize, again: bool) {
        if self.on_the_way.is_empty() {
            return;
        }
        // Mostly in order: what is chosen is near the front.
        let which = which % 4 % self.on_the_way.len();
        let (epoch, seq) = self.on_the_way[which];
        if !again {
            self.on_the_way.remove(which);
        }
        if self.planted == Planted::EpochOfMessages
            && epoch != self.sequencer.epoch()
            && self.sequencer.head_is(self.now, epoch, seq)
        {
            self.restart();
        }
        if self.planted == Planted::NoGapCheck && epoch == self.sequencer.epoch() && seq > self.sequencer.head() + 1 {
            // The head moves to just before it, and nobody is told.
            let bounds = Bounds { epoch, head: seq, oldest: seq - 1 };
            self.reading = None;
            self.sequencer.read(self.now, bounds, [(seq, seq)]);
            return;
        }
        self.sequencer.offer(self.now, epoch, seq, seq);
    }

    pub(super) fn head_is(&mut self, epoch: Uuid, head: u64) {
        if self.planted == Planted::NoHeads {
            return;
        }
        self.said(epoch);
        if self.sequencer.head_is(self.now, epoch, head) {
            self.restart();
        }
    }

    pub(super) fn answer(&mut self, bounds: Bounds, most: u64) {
        let Some((after, _)) = self.reading.take() else { return };
        self.said(bounds.epoch);
        let first = after.max(bounds.oldest) + 1;
        let seqs: Vec<u64> = (first..=bounds.head).take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        if self.sequencer.read(self.now, bounds, seqs.into_iter().map(|seq| (seq, seq))) {
            self.restart();
        }
    }

    /// The database says something; of another epoch than it has now, where it says it late.
    fn said(&mut self, epoch: Uuid) {
        if epoch != self.epoch() {
            self.reasons += 2;
        }
    }

    fn restart(&mut self) {
        self.ring = Ring::new(self.sequencer.epoch(), self.sequencer.head());
        self.count("begun anew", 1);
    }

    pub fn open(&mut self, back: u64, filter: Option<u64>) {
        let head = Cursor { epoch: self.epoch(), scope: SCOPE, seq: self.head };
        let after = self.head.checked_sub(back).map(|seq| Cursor { seq, ..head });
        let filter = filter.map(|subject| Uuid::from_u128(subject.into()));
        self.opened.push_back(Opened { head, oldest: self.oldest, after, filter });
    }

    pub fn join(&mut self) {
        let Some(Opened { head, oldest, after, filter }) = self.opened.pop_front() else { return };
        let kept = if self.planted == Planted::AnyCursor { 0 } else { oldest };
        let (at, recovered) = begin(after, head, kept);
        let is_kept = after.is_none_or(|after| after.seq >= oldest);
        assert_eq!(recovered, is_kept, "told whether everything since {after:?} can be had");
        self.count(if recovered { "recovered" } else { "not recovered" }, 1);
        let told = vec![Told { from: at, seqs: Vec::new() }];
        let mut place = Place { at, filter };
        if self.planted == Planted::LiveBeforeBuffering && self.ring.epoch() == at.epoch {
            place.at.seq = at.seq.max(self.ring.head());
        }
        self.subscribers.push(Subscriber { place, told });
        // The hub tells the feed what it heard, though that may be long ago.
        self.head_is(head.epoch, head.seq);
    }

    pub(super) fn take(&mut self, which: usize, mut budget: Budget, page: u64) {
        let (bounds, planted) = (self.bounds(), self.planted);
        let subscriber = &mut self.subscribers[which];
        let mut out = Vec::new();
        if planted == Planted::LiveBeforeReplay && subscriber.place.at.epoch == self.ring.epoch() {
            subscriber.place.at.seq = subscriber.place.at.seq.max(self.ring.base());
        }
        let mut step = subscriber.place.follow(&self.ring, &mut budget, &mut out);
        if step == Step::More && planted == Planted::DroppedQueue {
            subscriber.place.reset(&self.ring);
        }
        let mut paged = 0;
        if let Step::Read { after } = step {
            let first = after.max(bounds.oldest) + 1;
            let last = bounds.head.min(after + page);
            let entries =
                if first == after + 1 { (first..=last).map(|seq| entry(bounds.epoch, seq)).collect() } else { vec![] };
            let read = Page { epoch: bounds.epoch, after, entries, oldest: bounds.oldest };
            step = subscriber.place.replay(&read, &mut budget, &mut out);
            if step == Step::Reset {
                subscriber.place.reset(&self.ring);
            }
            paged = 1;
        }
        let told = subscriber.told.last_mut().expect("a subscription begins with being told");
        let delivered = out.len();
        for entry in out {
            assert_eq!(entry.at.epoch, told.from.epoch, "an event of another epoch");
            told.seqs.push(entry.at.seq);
        }
        if step == Step::Reset && planted != Planted::SilentReset {
            subscriber.told.push(Told { from: subscriber.place.at, seqs: Vec::new() });
        }
        self.count("delivered", delivered);
        self.count("paged", paged);
        self.count("reset", usize::from(step == Step::Reset));
    }
}
