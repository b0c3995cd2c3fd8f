//! Numbers that look random and follow from a seed alone, on every machine and with every version of any crate.

use std::{ops::RangeInclusive, time::Duration};

/// SplitMix64: one number of state, good enough to choose among what may happen.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed);
        // Seeds are 0, 1, 2 …; what follows from neighbours should not be alike.
        chance.number();
        Self(chance.number())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of the range, all alike.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        let count = (last - first).wrapping_add(1);
        // 0: every number there is. The bias of a remainder does not matter to a test.
        if count == 0 { self.number() } else { first + self.number() % count }
    }

    /// An index of something that long, which must not be empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.within(0..=length as u64 - 1)).unwrap_or_default()
    }

    /// Whether something happens that happens so often.
    pub fn percent(&mut self, often: u64) -> bool {
        self.within(0..=99) < often
    }

    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    pub fn micros(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_micros(self.within(range))
    }

    /// One of several, each as often as its weight says; the weights must not all be 0.
    pub fn choose<T: Copy>(&mut self, weighted: &[(u64, T)]) -> T {
        let all = weighted.iter().map(|(weight, _)| weight).sum::<u64>();
        let mut left = self.within(0..=all - 1);
        for (weight, choice) in weighted {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        unreachable!("the number is below the sum of the weights")
    }

    /// The chances of something within, whose number of questions changes nothing outside.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_from_the_seed_alone() {
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            [chance.number(), chance.number(), chance.within(5..=9)]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn everything_that_may_come_comes() {
        let mut chance = Chance::new(1);
        let mut seen = [0; 3];
        for _ in 0..1000 {
            seen[chance.choose(&[(1, 0), (0, 1), (3, 2)])] += 1;
            assert!((2..=4).contains(&chance.within(2..=4)));
            assert!(chance.index(1) == 0);
        }
        assert!(seen[0] > 150 && seen[1] == 0 && seen[2] > 600, "{seen:?}");
    }
}
