//! Everything that is outside of the relays: the database's tables, the broker's stream, who is connected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trellis_seeds::Chance;
use uuid::Uuid;

use super::super::stream::Remembered;
use super::planted::Planted;

pub(super) const PROCESSES: usize = 2;

/// A row of the outbox; not yet committed where it is not visible.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) scope: u64,
    pub(super) seq: u64,
    pub(super) visible: bool,
}

/// What a crash of the database may take back: the relay does not wait until its deletions are durable.
pub(super) enum Undo {
    Gone(i64, Queued),
    Queued(i64),
    Remembered(Option<Remembered>),
    Again(BTreeMap<u64, RangeInclusive<u64>>),
}

pub(super) struct Stream {
    pub(super) created: i64,
    pub(super) messages: Vec<Uuid>,
}

/// One process, as the world sees it.
pub(super) struct Seen {
    /// Counted with each start.
    pub(super) life: u64,
    pub(super) alive: bool,
    pub(super) held_until: Instant,
    /// Counted connections to the broker, and since when there is the last one; there may be none now.
    pub(super) connections: u64,
    pub(super) connected: bool,
    pub(super) connected_at: Instant,
    pub(super) committed: Arc<Notify>,
    /// Scopes of which it has an event in flight.
    pub(super) in_flight: BTreeSet<u64>,
}

pub(super) struct State {
    pub(super) chance: Chance,
    pub(super) planted: Planted,
    pub(super) began: Instant,
    pub(super) story: String,
    /// What must never happen and did. Kept here, since a panic would end the task in which it did and nothing else.
    pub(super) violation: Option<String>,
    // The database.
    pub(super) heads: BTreeMap<u64, u64>,
    /// Scopes that a transaction holds.
    pub(super) locked: BTreeSet<u64>,
    pub(super) outbox: BTreeMap<i64, Queued>,
    pub(super) next_id: i64,
    pub(super) remembered: Option<Remembered>,
    /// Scopes that are to be published again, and which events of them.
    pub(super) again: BTreeMap<u64, RangeInclusive<u64>>,
    pub(super) undo: Vec<Undo>,
    pub(super) leader: Option<u64>,
    pub(super) sessions: BTreeMap<u64, CancellationToken>,
    /// Sessions whose questions and answers get lost from now on.
    pub(super) deaf: BTreeSet<u64>,
    pub(super) next_session: u64,
    pub(super) database_until: Instant,
    pub(super) crashes: u64,
    // The broker.
    pub(super) stream: Option<Stream>,
    pub(super) streams: i64,
    pub(super) ever_stored: BTreeSet<Uuid>,
    pub(super) full_until: Instant,
    pub(super) lossy_until: Instant,
    /// Whether the stream ever had less than it had: then its order is not the scopes' any more.
    pub(super) lost: bool,
    pub(super) processes: Vec<Seen>,
}

/// Shared by all that takes part. Nobody waits while it is locked.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

impl World {
    pub(super) fn new(seed: u64, planted: Planted) -> Self {
        let now = Instant::now();
        let idle = || Seen {
            life: 0,
            alive: false,
            held_until: now,
            connections: 1,
            connected: true,
            connected_at: now,
            committed: Arc::default(),
            in_flight: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(State {
            chance: Chance::new(seed),
            planted,
            began: now,
            story: String::new(),
            violation: None,
            heads: BTreeMap::new(),
            locked: BTreeSet::new(),
            outbox: BTreeMap::new(),
            next_id: 1,
            remembered: None,
            again: BTreeMap::new(),
            undo: Vec::new(),
            leader: None,
            sessions: BTreeMap::new(),
            deaf: BTreeSet::new(),
            next_session: 1,
            database_until: now,
            crashes: 0,
            stream: None,
            streams: 0,
            ever_stored: BTreeSet::new(),
            full_until: now,
            lossy_until: now,
            lost: false,
            processes: (0..PROCESSES).map(|_| idle()).collect(),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Poisoned: the run has failed already, and that is what is told.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Ids say which event it is.
pub(super) fn event(scope: u64, seq: u64) -> Uuid {
    Uuid::from_u64_pair(scope, seq)
}

pub(super) fn scope_id(scope: u64) -> Uuid {
    Uuid::from_u64_pair(scope, 0)
}

impl State {
    pub(super) fn tell(&mut self, what: &str) {
        let at = self.began.elapsed().as_millis();
        let _ = writeln!(self.story, "{at} {what}");
    }

    /// What must hold; the run fails with the first that does not.
    pub(super) fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.violation.get_or_insert_with(otherwise);
        }
    }

    pub(super) fn story(&self) -> String {
        self.story.clone()
    }

    /// Begins a write of that scope: the lock and the rows, which nobody else sees yet.
    pub(super) fn begin(&mut self, scope: u64) -> Option<i64> {
        if !self.locked.insert(scope) {
            return None;
        }
        let seq = self.heads.get(&scope).copied().unwrap_or_default() + 1;
        let id = self.next_id;
        self.next_id += 1;
        self.outbox.insert(id, Queued { scope, seq, visible: false });
        Some(id)
    }

    pub(super) fn commit(&mut self, id: i64) {
        let Some(row) = self.outbox.get_mut(&id) else { return };
        row.visible = true;
        let row = *row;
        self.heads.insert(row.scope, row.seq);
        self.locked.remove(&row.scope);
        // A commit that waits until it is durable makes all before it durable.
        self.undo.clear();
    }

    /// The database's process ends and begins again: open transactions are nothing, and what was not durable is undone.
    pub(super) fn crash(&mut self) {
        self.crashes += 1;
        self.outbox.retain(|_, row| row.visible);
        self.locked.clear();
        let undone = self.undo.len();
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            match undo {
                Undo::Gone(id, row) => drop(self.outbox.insert(id, row)),
                Undo::Queued(id) => drop(self.outbox.remove(&id)),
                Undo::Remembered(before) => self.remembered = before,
                Undo::Again(before) => self.again = before,
            }
        }
        if undone > 0 {
            self.tell("a crash took back what was not durable");
        }
        for ended in std::mem::take(&mut self.sessions).into_values() {
            ended.cancel();
        }
        self.leader = None;
    }

    /// The stream as it is after a look of a relay: made where there was none.
    pub(super) fn made(&mut self) -> &mut Stream {
        if self.stream.is_none() {
            self.streams += 1;
            let created = self.streams;
            self.stream = Some(Stream { created, messages: Vec::new() });
        }
        self.stream.as_mut().expect("it was just made")
    }

    /// Stores it, once; its number, and whether it was there already.
    pub(super) fn store(&mut self, event: Uuid) -> (u64, bool) {
        self.ever_stored.insert(event);
        let messages = &mut self.made().messages;
        let known = messages.iter().position(|known| *known == event);
        let seq = known.unwrap_or_else(|| {
            messages.push(event);
            messages.len() - 1
        });
        if known.is_some() {
            self.tell("stored again");
        }
        (seq as u64 + 1, known.is_some())
    }

    /// Another service's events.
    pub(super) fn grow(&mut self, count: u64) {
        for _ in 0..count {
            let event = Uuid::from_u64_pair(u64::MAX, self.chance.number());
            if let Some(stream) = &mut self.stream {
                stream.messages.push(event);
            }
        }
    }

    pub(super) fn shorten(&mut self, by: u64) {
        let Some(stream) = &mut self.stream else { return };
        let left = stream.messages.len().saturating_sub(usize::try_from(by).unwrap_or(usize::MAX));
        self.lost |= left < stream.messages.len();
        stream.messages.truncate(left);
    }

    /// What is not yet as it should be in the end.
    pub(super) fn unfinished(&self) -> Option<String> {
        if let Some(violation) = &self.violation {
            panic!("{violation}");
        }
        if let Some((id, row)) = self.outbox.iter().next() {
            return Some(format!("row {id} is still in the outbox: {row:?}"));
        }
        if let Some(scope) = self.again.keys().next() {
            return Some(format!("scope {scope} is still to be published again"));
        }
        let stored: BTreeSet<Uuid> =
            self.stream.as_ref().map(|stream| stream.messages.iter().copied().collect()).unwrap_or_default();
        self.heads
            .iter()
            .flat_map(|(scope, head)| (1..=*head).map(|seq| (*scope, seq)))
            .find(|(scope, seq)| !stored.contains(&event(*scope, *seq)))
            .map(|(scope, seq)| format!("event {seq} of scope {scope} is lost"))
    }

    /// A stream that lost nothing has every scope in its order.
    pub(super) fn check_order(&self) {
        if self.lost {
            return;
        }
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for (scope, seq) in self.stream.iter().flat_map(|stream| &stream.messages).map(Uuid::as_u64_pair) {
            if scope != u64::MAX {
                let before = last.insert(scope, seq).unwrap_or_default();
                assert_eq!(seq, before + 1, "a hole in the stream: scope {scope}");
            }
        }
    }

    pub(super) fn is_held(&self, process: usize, life: u64) -> Option<Instant> {
        let seen = &self.processes[process];
        (seen.life == life && seen.held_until > Instant::now()).then_some(seen.held_until)
    }

    pub(super) fn lives(&self, process: usize, life: u64) -> bool {
        self.processes[process].alive && self.processes[process].life == life
    }
}

/// The time that a stream says it was made at.
pub(super) fn created(stream: i64) -> DateTime<chrono::Utc> {
    DateTime::UNIX_EPOCH + Duration::from_secs(stream.unsigned_abs())
}
