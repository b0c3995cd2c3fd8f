//! All buckets of one limit: as many as there is room for.

use std::{sync::Arc, time::Duration};

use moka::{policy::EvictionPolicy, sync::Cache};

use super::{
    Limit, Rate,
    cell::{Cell, Pace},
};

/// So many buckets are remembered; when there are more, those that were asked for longest ago are forgotten, which
/// makes them full. Of all names clients make up those of accounts alone, and each costs them a sign-in: by the
/// defaults one address has 6,600 of these in the ten minutes in which a bucket of `attempts` fills up by itself.
const MOST: u64 = 100_000;

/// The buckets of one limit.
pub struct Table {
    pub limit: Limit,
    pub rate: Rate,
    pub pace: Pace,
    cells: Cache<u64, Arc<Cell>>,
}

impl Table {
    pub fn new(limit: Limit, rate: Rate) -> Self {
        Self::bounded(limit, rate, MOST)
    }

    fn bounded(limit: Limit, rate: Rate, most: u64) -> Self {
        // A bucket that nobody asked for in this time is full, like a new one.
        let idle = Duration::from_nanos(rate.window()) + Duration::from_secs(1);
        let cells = Cache::builder()
            .max_capacity(most)
            // The usual policy would rather keep what is asked for often than let a newcomer in: he would never count.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(idle)
            .build();
        Self { limit, rate, pace: rate.into(), cells }
    }

    /// Of how many names there are buckets.
    #[cfg(test)]
    pub fn len(&self) -> u64 {
        self.cells.run_pending_tasks();
        self.cells.entry_count()
    }

    /// `who`: a hash of a name, so that nothing here grows with what clients send.
    pub fn cell(&self, who: u64) -> Arc<Cell> {
        self.cells.get_with(who, Arc::default)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn it_stays_bounded_and_a_newcomer_counts() {
        let rate: Rate = "1+1/h".parse().unwrap();
        let table = Table::bounded(Limit::Attempts, rate, 100);
        for who in 0..1000 {
            // Asked for often, so that a policy by frequency would keep them.
            for _ in 0..2 {
                table.cell(who);
            }
        }
        assert_eq!(table.len(), 100);
        assert!(table.cell(u64::MAX).take(0, table.pace).is_ok());
        table.cells.run_pending_tasks();
        assert!(table.cell(u64::MAX).take(0, table.pace).is_err());
    }
}
