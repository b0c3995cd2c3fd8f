//! A subscription's place in the order: a position and a filter, and what they ask for next. Pure: no clock, no I/O.
//!
//! It takes what follows its position from the ring, or from a page of the log where the ring begins later. Since it
//! only ever moves forward by one, whatever it is shown gives each event once and in order; how slow its socket is
//! does not matter, and nothing is queued for it.

use std::sync::Arc;

use uuid::Uuid;

use super::ring::{Entry, Ring};
use crate::cursor::Cursor;

/// Where a subscription stands and what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The last event considered.
    pub at: Cursor,
    /// Only events about this; everything where `None`.
    pub filter: Option<Uuid>,
}

/// What to do for a subscription next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It has everything there is; it waits for the scope's next event.
    Rest,
    /// There is more; the budget is used up.
    More,
    /// What follows is no longer in the ring: read it.
    Read { after: u64 },
    /// What follows cannot be had any more. The place is at the head of the scope as it is now; say so.
    Reset,
}

/// How much may be taken before it is written.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub frames: usize,
    pub bytes: usize,
}

impl Budget {
    pub fn is_spent(&self) -> bool {
        self.frames == 0 || self.bytes == 0
    }

    pub fn spend(&mut self, bytes: usize) {
        self.frames = self.frames.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Some events of a scope as they were read: contiguous from `after` on.
pub struct Page {
    pub epoch: Uuid,
    pub after: u64,
    pub entries: Vec<Arc<Entry>>,
    /// Every event with a higher number was still kept.
    pub oldest: u64,
}

impl Page {
    /// The number of the last event that is here.
    pub fn last(&self) -> u64 {
        self.after + self.entries.len() as u64
    }

    /// Whether it has the event that follows `position`.
    pub fn continues(&self, epoch: Uuid, position: u64) -> bool {
        self.epoch == epoch && self.after <= position && position < self.last()
    }
}

/// Where a subscription begins, and whether it has everything since `after`.
pub fn begin(after: Option<Cursor>, head: Cursor, oldest: u64) -> (Cursor, bool) {
    match after {
        None => (head, true),
        Some(after)
            if after.epoch == head.epoch && after.scope == head.scope && (oldest..=head.seq).contains(&after.seq) =>
        {
            (after, true)
        }
        Some(_) => (head, false),
    }
}

impl Place {
    /// Moves over the ring, giving what belongs to the topic.
    pub fn follow(&mut self, ring: &Ring, budget: &mut Budget, out: &mut Vec<Arc<Entry>>) -> Step {
        if ring.epoch() != self.at.epoch {
            self.at.epoch = ring.epoch();
            self.at.seq = ring.head();
            return Step::Reset;
        }
        if self.at.seq < ring.base() {
            return Step::Read { after: self.at.seq };
        }
        self.walk(ring.after(self.at.seq), budget, out)
    }

    /// Moves over a page that was read for it. `Rest` where the page has nothing more.
    pub fn replay(&mut self, page: &Page, budget: &mut Budget, out: &mut Vec<Arc<Entry>>) -> Step {
        if page.epoch != self.at.epoch || page.oldest > self.at.seq && !page.continues(self.at.epoch, self.at.seq) {
            return Step::Reset;
        }
        if !page.continues(self.at.epoch, self.at.seq) {
            return Step::Rest;
        }
        let skip = usize::try_from(self.at.seq - page.after).unwrap_or(usize::MAX);
        self.walk(page.entries.iter().skip(skip), budget, out)
    }

    /// The place is at the head of the scope as it is now, after a page said `Reset`.
    pub fn reset(&mut self, ring: &Ring) {
        self.at.epoch = ring.epoch();
        self.at.seq = ring.head();
    }

    fn walk<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Arc<Entry>>,
        budget: &mut Budget,
        out: &mut Vec<Arc<Entry>>,
    ) -> Step {
        for entry in entries {
            if budget.is_spent() {
                return Step::More;
            }
            debug_assert_eq!(entry.at.seq, self.at.seq + 1, "rings and pages are contiguous");
            self.at.seq = entry.at.seq;
            if entry.shown() && entry.concerns(self.filter) {
                budget.spend(entry.size());
                out.push(Arc::clone(entry));
            }
        }
        Step::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const PLENTY: Budget = Budget { frames: 1000, bytes: 1 << 20 };

    fn at(seq: u64) -> Cursor {
        Cursor { epoch: EPOCH, scope: Uuid::from_u128(9), seq }
    }

    /// Odd events are about subject 1, even ones about subject 2.
    fn entry(seq: u64) -> Arc<Entry> {
        let subject = Uuid::from_u128(if seq % 2 == 1 { 1 } else { 2 });
        Arc::new(Entry::new(at(seq), Some(subject), 0, "{}".into()))
    }

    fn ring(base: u64, head: u64) -> Ring {
        let mut ring = Ring::new(EPOCH, base);
        for seq in base + 1..=head {
            ring.push(entry(seq));
        }
        ring
    }

    fn page(after: u64, last: u64, oldest: u64) -> Page {
        Page { epoch: EPOCH, after, entries: (after + 1..=last).map(entry).collect(), oldest }
    }

    fn place(seq: u64, filter: Option<u128>) -> Place {
        Place { at: at(seq), filter: filter.map(Uuid::from_u128) }
    }

    fn seqs(out: &[Arc<Entry>]) -> Vec<u64> {
        out.iter().map(|entry| entry.at.seq).collect()
    }

    #[test]
    fn a_subscription_begins_at_the_head_or_where_it_was() {
        assert_eq!(begin(None, at(9), 2), (at(9), true));
        for seq in [2, 5, 9] {
            assert_eq!(begin(Some(at(seq)), at(9), 2), (at(seq), true));
        }
        let elsewhere = Cursor { scope: EPOCH, ..at(5) };
        let earlier = Cursor { epoch: OTHER, ..at(5) };
        for lost in [at(1), at(10), elsewhere, earlier] {
            assert_eq!(begin(Some(lost), at(9), 2), (at(9), false));
        }
    }

    #[test]
    fn it_takes_what_follows() {
        let mut out = Vec::new();
        let mut place = place(4, None);
        assert_eq!(place.follow(&ring(3, 7), &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(seqs(&out), [5, 6, 7]);
        assert_eq!(place.at.seq, 7);
    }

    #[test]
    fn it_moves_over_what_is_not_its_own() {
        let mut out = Vec::new();
        let mut place = place(4, Some(1));
        assert_eq!(place.follow(&ring(3, 8), &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(seqs(&out), [5, 7]);
        assert_eq!(place.at.seq, 8);
    }

    #[test]
    fn it_stops_where_the_budget_ends_and_goes_on_from_there() {
        let mut out = Vec::new();
        let mut place = place(0, None);
        let ring = ring(0, 5);
        assert_eq!(place.follow(&ring, &mut Budget { frames: 2, bytes: 100 }, &mut out), Step::More);
        assert_eq!(place.follow(&ring, &mut Budget { frames: 9, bytes: 3 }, &mut out), Step::More);
        assert_eq!(place.follow(&ring, &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(seqs(&out), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_the_ring_no_longer_has_is_read() {
        let mut out = Vec::new();
        let mut place = place(2, None);
        let ring = ring(5, 7);
        assert_eq!(place.follow(&ring, &mut PLENTY.clone(), &mut out), Step::Read { after: 2 });
        assert_eq!(place.replay(&page(1, 4, 0), &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(place.follow(&ring, &mut PLENTY.clone(), &mut out), Step::Read { after: 4 });
        assert_eq!(place.replay(&page(4, 6, 0), &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(place.follow(&ring, &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(seqs(&out), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_place_ahead_of_the_ring_waits_for_it() {
        let mut out = Vec::new();
        let mut place = place(9, None);
        assert_eq!(place.follow(&ring(3, 7), &mut PLENTY.clone(), &mut out), Step::Rest);
        assert_eq!(place.at.seq, 9);
        assert!(out.is_empty());
    }

    #[test]
    fn what_is_gone_resets() {
        let mut out = Vec::new();
        let mut place = place(2, None);
        assert_eq!(place.replay(&page(2, 2, 5), &mut PLENTY.clone(), &mut out), Step::Reset);
        place.reset(&ring(5, 7));
        assert_eq!(place.at.seq, 7);
        let anew = Ring::new(OTHER, 1);
        assert_eq!(place.follow(&anew, &mut PLENTY.clone(), &mut out), Step::Reset);
        assert_eq!(place.at, Cursor { epoch: OTHER, seq: 1, ..at(1) });
        assert!(out.is_empty());
    }
}
