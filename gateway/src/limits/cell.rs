//! One bucket, as one number: the generic cell rate algorithm. Pure; the time is given, in nanoseconds.
//!
//! The number is the time at which the bucket will be full again. Taking one moves it on by the time in which one comes
//! back; where that would be further away than an empty bucket takes to fill up, there is nothing left to take.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::Rate;

/// A rate, in the numbers that cells reckon with.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    interval: u64,
    window: u64,
}

impl From<Rate> for Pace {
    fn from(rate: Rate) -> Self {
        Self { interval: rate.interval(), window: rate.window() }
    }
}

/// A bucket; a new one is full.
#[derive(Debug, Default)]
pub struct Cell {
    full_at: AtomicU64,
}

impl Cell {
    /// Takes one, or says how long to wait for it.
    pub fn take(&self, now: u64, pace: Pace) -> Result<(), Duration> {
        let after = |full_at: u64| full_at.max(now).saturating_add(pace.interval);
        let taken = self.full_at.fetch_update(Relaxed, Relaxed, |full_at| {
            let full_at = after(full_at);
            (full_at - now <= pace.window).then_some(full_at)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(full_at) => Err(Duration::from_nanos((after(full_at) - now).saturating_sub(pace.window))),
        }
    }

    /// As if one had not been taken. What was full meanwhile does not run over.
    pub fn give_back(&self, pace: Pace) {
        let given = self.full_at.fetch_update(Relaxed, Relaxed, |full_at| Some(full_at.saturating_sub(pace.interval)));
        debug_assert!(given.is_ok(), "it is always updated");
    }

    /// How many can be taken, and when there is one more.
    pub fn left(&self, now: u64, pace: Pace) -> (u64, Duration) {
        let missing = self.full_at.load(Relaxed).saturating_sub(now);
        let taken = missing.div_ceil(pace.interval);
        let next = missing - taken.saturating_sub(1) * pace.interval;
        ((pace.window / pace.interval).saturating_sub(taken), Duration::from_nanos(next))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// 3 at once, one more each 2 s.
    fn pace() -> Pace {
        "3+30/min".parse::<Rate>().unwrap().into()
    }

    #[test]
    fn a_burst_then_one_after_the_other() {
        let (cell, pace) = (Cell::default(), pace());
        let now = 50 * SECOND;
        assert_eq!(cell.left(now, pace), (3, Duration::ZERO));
        for left in [2, 1, 0] {
            assert_eq!(cell.take(now, pace), Ok(()));
            assert_eq!(cell.left(now, pace), (left, Duration::from_secs(2)));
        }
        assert_eq!(cell.take(now, pace), Err(Duration::from_secs(2)));
        assert_eq!(cell.take(now + SECOND, pace), Err(Duration::from_secs(1)), "to be refused costs nothing");
        assert_eq!(cell.left(now + SECOND, pace), (0, Duration::from_secs(1)));
        assert_eq!(cell.take(now + 2 * SECOND, pace), Ok(()));
        assert_eq!(cell.take(now + 2 * SECOND, pace), Err(Duration::from_secs(2)));
        assert_eq!(cell.left(now + 3600 * SECOND, pace), (3, Duration::ZERO), "it does not run over");
    }

    #[test]
    fn what_is_given_back_was_not_taken() {
        let (cell, pace) = (Cell::default(), pace());
        for _ in 0..1000 {
            assert_eq!(cell.take(SECOND, pace), Ok(()));
            cell.give_back(pace);
        }
        assert_eq!(cell.left(SECOND, pace).0, 3);
        cell.give_back(pace);
        assert_eq!(cell.left(SECOND, pace).0, 3, "nobody gets more than there is room for");
    }

    #[test]
    fn a_thousand_at_once_are_let_through_exactly_as_often_as_is_allowed() {
        let cell = Cell::default();
        let pace: Pace = "100+1/h".parse::<Rate>().unwrap().into();
        let through: usize = thread::scope(|scope| {
            let taking = || (0..100).filter(|_| cell.take(SECOND, pace).is_ok()).count();
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(taking)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(through, 100);
    }

    proptest! {
        /// Over any stretch of time no more than a burst and what came back meanwhile, and after the wait that was
        /// told there is one.
        #[test]
        fn never_more_than_the_rate(steps in prop::collection::vec(0_u64..5 * SECOND, 1..200)) {
            let (cell, pace) = (Cell::default(), pace());
            let (mut now, mut taken) = (0, Vec::new());
            for step in steps {
                now += step;
                match cell.take(now, pace) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        now += u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert_eq!(cell.take(now, pace), Ok(()));
                        taken.push(now);
                    }
                }
            }
            for (i, from) in taken.iter().enumerate() {
                for (j, until) in taken.iter().enumerate().skip(i) {
                    prop_assert!((j - i + 1) as u64 <= 3 + (until - from) / (2 * SECOND));
                }
            }
        }
    }
}
