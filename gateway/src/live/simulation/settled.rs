//! The end of a run: everything comes, and everybody has what he should.

use std::time::Duration;

use super::{
    super::subscription::{Budget, Place},
    world::{Subscriber, Told, World, subject},
};

impl World {
    /// Nothing is lost any more, and everybody has time.
    pub fn settle(&mut self) {
        while !self.opened.is_empty() {
            self.join();
        }
        for _ in 0..2000 {
            self.now += Duration::from_millis(100);
            self.head_is(self.epoch(), self.head);
            self.step();
            self.answer(self.bounds(), 50);
            self.step();
            for which in 0..self.subscribers.len() {
                self.take(which, Budget { frames: 100, bytes: 1 << 20 }, 40);
            }
            let done = |place: &Place| place.at.epoch == self.epoch() && place.at.seq == self.head;
            if self.ring.head() == self.head && self.subscribers.iter().all(|known| done(&known.place)) {
                return;
            }
        }
        panic!("does not settle: the ring is at {} of {}", self.ring.head(), self.head);
    }

    pub fn check(&self) {
        for Subscriber { place, told } in &self.subscribers {
            assert!(told.len() <= 1 + self.reasons, "told to begin anew for no reason");
            let (last, before) = told.split_last().expect("a subscription begins with being told");
            let belongs = |seq: &u64| place.filter.is_none_or(|filter| subject(*seq) == filter);
            let expected: Vec<u64> = (last.from.seq + 1..=self.head).filter(belongs).collect();
            assert_eq!(last.seqs, expected, "everything since the last frame that told a position");
            for Told { from, seqs } in before {
                // Until a reset: no event left out.
                let expected = (from.seq + 1..).filter(belongs).take(seqs.len());
                assert!(expected.eq(seqs.iter().copied()), "{seqs:?} after {from:?}");
            }
        }
    }
}
