//! Puts the events of one scope in order, each once, whatever the fast path does to them. Pure: no clock, no I/O.
//!
//! Events from NATS, events read from the service and heads told by it are all offered here. What follows the last
//! one handed out is handed out; what came before is dropped; what lies behind a hole waits. A hole that is not filled
//! within [`PATIENCE`] asks for a read of what follows the last one.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// How long a hole may stay before it is read: two events of one scope can overtake each other for a moment.
pub const PATIENCE: Duration = Duration::from_millis(20);
/// Events kept behind a hole. More are dropped and read again later.
const MOST_AHEAD: usize = 256;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// An event of a foreign epoch makes us ask the database once, not once per event.
const SUSPICION: Duration = Duration::from_secs(2);

/// The order of one scope, as far as it is known here.
#[derive(Debug)]
pub struct Sequencer<T> {
    epoch: Uuid,
    /// The last number handed out.
    head: u64,
    /// The highest number that is known to exist.
    known: u64,
    ahead: BTreeMap<u64, T>,
    /// Since when the number after `head` is missed.
    missed_since: Option<Instant>,
    reading: bool,
    /// Read without patience: more is known to be there, or what is here may be wrong.
    read_now: bool,
    backoff: Option<(Instant, Duration)>,
    suspected: Option<Instant>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read what follows `after`, then call [`Sequencer::read`] or [`Sequencer::read_failed`].
    Read { after: u64 },
    /// Ask again at that time.
    At(Instant),
    /// Nothing, until something is offered.
    Rest,
}

/// What a database's answer says beside its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub epoch: Uuid,
    pub head: u64,
    /// Every event with a higher number is still kept.
    pub oldest: u64,
}

impl<T> Sequencer<T> {
    /// Begins behind `head`.
    pub fn new(epoch: Uuid, head: u64) -> Self {
        Self {
            epoch,
            head,
            known: head,
            ahead: BTreeMap::new(),
            missed_since: None,
            reading: false,
            read_now: false,
            backoff: None,
            suspected: None,
        }
    }

    pub fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// The last number handed out.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// An event came over NATS. Its epoch is believed only where it is ours: old messages can come late.
    pub fn offer(&mut self, now: Instant, epoch: Uuid, seq: u64, event: T) {
        if epoch == self.epoch {
            self.accept(seq, event);
            self.note(now);
        } else if self.suspected.is_none_or(|last| now.duration_since(last) >= SUSPICION) {
            self.suspected = Some(now);
            self.read_now = true;
        }
    }

    /// The database says where the scope stands. `true`: the order starts anew, in another epoch.
    pub fn head_is(&mut self, now: Instant, epoch: Uuid, head: u64) -> bool {
        if epoch != self.epoch {
            self.restart(epoch, head);
            return true;
        }
        self.known = self.known.max(head);
        self.note(now);
        false
    }

    /// The answer to the read that was asked for. `true`: the order starts anew behind [`Sequencer::head`], because the
    /// epoch changed or because what was missed is no longer kept.
    pub fn read(&mut self, now: Instant, bounds: Bounds, events: impl IntoIterator<Item = (u64, T)>) -> bool {
        self.reading = false;
        if bounds.epoch != self.epoch {
            self.restart(bounds.epoch, bounds.head);
            return true;
        }
        let lost = bounds.oldest > self.head;
        if lost {
            self.head = bounds.oldest;
            self.ahead = self.ahead.split_off(&(self.head + 1));
        }
        self.known = self.known.max(bounds.head).max(self.head);
        for (seq, event) in events {
            self.accept(seq, event);
        }
        if self.ahead.contains_key(&(self.head + 1)) {
            self.backoff = None;
            // A page was full, or held less than asked for: the rest is known to be there.
            self.read_now |= self.contiguous() < self.known.min(bounds.head);
        } else if self.known > self.head {
            self.wait(now);
        } else {
            self.backoff = None;
        }
        self.note(now);
        lost
    }

    /// The read that was asked for gave no answer.
    pub fn read_failed(&mut self, now: Instant) {
        self.reading = false;
        self.read_now = true;
        self.wait(now);
    }

    /// What was missed cannot be told (a new connection to NATS): read at once.
    pub fn doubt(&mut self) {
        self.read_now = true;
    }

    /// The events that are next, in order.
    pub fn take(&mut self, now: Instant) -> Vec<T> {
        let mut run = Vec::new();
        while let Some(event) = self.ahead.remove(&(self.head + 1)) {
            self.head += 1;
            run.push(event);
        }
        if !run.is_empty() {
            self.missed_since = None;
            self.note(now);
        }
        run
    }

    /// What to do next. A read that is asked for here counts as begun: there is one at a time.
    pub fn next(&mut self, now: Instant) -> Next {
        if self.reading {
            return Next::Rest;
        }
        let behind = self.known > self.head;
        if !behind && !self.read_now {
            return Next::Rest;
        }
        if let Some((until, _)) = self.backoff
            && now < until
        {
            return Next::At(until);
        }
        let due = match self.missed_since {
            Some(since) if !self.read_now => since + PATIENCE,
            _ => now,
        };
        if now < due {
            return Next::At(due);
        }
        self.reading = true;
        self.read_now = false;
        Next::Read { after: self.head }
    }

    fn accept(&mut self, seq: u64, event: T) {
        self.known = self.known.max(seq);
        if seq <= self.head {
            return;
        }
        self.ahead.entry(seq).or_insert(event);
        while self.ahead.len() > MOST_AHEAD {
            self.ahead.pop_last();
        }
    }

    /// The last number of the run that `take` would give.
    fn contiguous(&self) -> u64 {
        let mut last = self.head;
        while self.ahead.contains_key(&(last + 1)) {
            last += 1;
        }
        last
    }

    fn note(&mut self, now: Instant) {
        if self.known > self.head && !self.ahead.contains_key(&(self.head + 1)) {
            self.missed_since.get_or_insert(now);
        } else {
            self.missed_since = None;
        }
    }

    fn wait(&mut self, now: Instant) {
        let pause = self.backoff.map_or(FIRST_BACKOFF, |(_, last)| (last * 2).min(LONGEST_BACKOFF));
        self.backoff = Some((now + pause, pause));
    }

    fn restart(&mut self, epoch: Uuid, head: u64) {
        let reading = self.reading;
        *self = Self::new(epoch, head);
        self.reading = reading;
    }
}

#[cfg(test)]
#[path = "sequencer_tests.rs"]
mod tests;
