//! What to publish next: the decisions of a leading relay, without a database or NATS.
//!
//! Rows are offered as the outbox is read; the schedule takes some per scope, hands out one of each scope at a time,
//! and keeps what was acknowledged until it is deleted. A row that fails makes its scope rest, and no other. There is
//! a schedule only as long as there is leadership: who loses it drops the schedule and everything in flight.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// Rows of one scope that are taken at once, so that a busy scope cannot keep others waiting.
pub(crate) const PER_SCOPE: usize = 16;
/// Rows that are taken at once in all: bounds memory and what is in flight.
const CAPACITY: usize = 512;
/// The first rest of a scope after a failure; it doubles up to 16 times this, so that a NATS that is
/// well again is noticed soon.
const FIRST_REST: Duration = Duration::from_millis(100);

/// A row of the outbox; `M` is what is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<M> {
    pub(crate) id: i64,
    pub(crate) scope: Uuid,
    pub(crate) message: M,
}

pub(crate) struct Schedule<M> {
    /// Scopes with a row in flight.
    lanes: HashMap<Uuid, Lane<M>>,
    /// Scopes whose last row failed, until one succeeds.
    resting: HashMap<Uuid, Rest>,
    /// Stored by NATS, not yet deleted: to be read again, but not to be published again.
    acked: HashSet<i64>,
    /// Rows in `lanes`.
    taken: usize,
    /// A scope has come free since that was asked.
    freed: bool,
}

struct Lane<M> {
    in_flight: i64,
    next: VecDeque<Row<M>>,
}

struct Rest {
    until: Instant,
    failures: u32,
}

impl<M> Schedule<M> {
    pub(crate) fn new() -> Self {
        Self { lanes: HashMap::new(), resting: HashMap::new(), acked: HashSet::new(), taken: 0, freed: false }
    }

    /// How many more rows can be taken.
    pub(crate) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.taken)
    }

    /// Scopes whose rows need not be read now.
    pub(crate) fn busy(&self, now: Instant) -> Vec<Uuid> {
        let resting = self.resting.iter().filter(|(_, rest)| rest.until > now).map(|(scope, _)| *scope);
        self.lanes.keys().copied().chain(resting).collect()
    }

    /// Whether a scope whose rows were not read has come free since this was asked last.
    pub(crate) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Rows to delete.
    pub(crate) fn acked(&self) -> Vec<i64> {
        self.acked.iter().copied().collect()
    }

    /// Nothing in flight and nothing to delete.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.acked.is_empty()
    }

    /// They are gone from the outbox for good.
    pub(crate) fn deleted(&mut self, ids: &[i64]) {
        for id in ids {
            self.acked.remove(id);
        }
    }

    /// The outbox as it was read just now, in order; gives what to publish at once: one row of each scope that was
    /// free. What is not taken is simply read again later.
    pub(crate) fn offer(&mut self, rows: Vec<Row<M>>, now: Instant) -> Vec<Row<M>> {
        let mut first = Vec::new();
        let mut started = HashSet::new();
        for row in rows {
            let rests = self.resting.get(&row.scope).is_some_and(|rest| rest.until > now);
            if rests || self.acked.contains(&row.id) || self.room() == 0 {
                continue;
            }
            match self.lanes.entry(row.scope) {
                Entry::Vacant(lane) => {
                    started.insert(row.scope);
                    lane.insert(Lane { in_flight: row.id, next: VecDeque::new() });
                    first.push(row);
                }
                Entry::Occupied(mut lane) => {
                    // A lane from before already has its rows; these may be the same.
                    if !started.contains(&row.scope) || lane.get().next.len() + 1 >= PER_SCOPE {
                        continue;
                    }
                    lane.get_mut().next.push_back(row);
                }
            }
            self.taken += 1;
        }
        // Who rested long enough and has nothing to publish any more is forgotten.
        self.resting.retain(|scope, rest| rest.until > now || self.lanes.contains_key(scope));
        first
    }

    /// The scope's row in flight is stored; gives the scope's next.
    pub(crate) fn stored(&mut self, scope: Uuid) -> Option<Row<M>> {
        let Entry::Occupied(mut lane) = self.lanes.entry(scope) else {
            return None;
        };
        self.resting.remove(&scope);
        self.acked.insert(lane.get().in_flight);
        self.taken -= 1;
        let next = lane.get_mut().next.pop_front();
        if let Some(row) = &next {
            lane.get_mut().in_flight = row.id;
        } else {
            lane.remove();
            self.freed = true;
        }
        next
    }

    /// The scope's row in flight was not stored, or nobody knows: the scope rests, then begins again with that row.
    pub(crate) fn failed(&mut self, scope: Uuid, now: Instant) {
        let Some(lane) = self.lanes.remove(&scope) else {
            return;
        };
        self.taken -= 1 + lane.next.len();
        let rest = self.resting.entry(scope).or_insert(Rest { until: now, failures: 0 });
        rest.until = now + FIRST_REST * 2_u32.pow(rest.failures.min(4));
        rest.failures += 1;
    }

    /// NATS is there again: nobody needs to rest.
    pub(crate) fn wake_all(&mut self) {
        self.resting.clear();
    }
}

#[cfg(test)]
mod tests;
