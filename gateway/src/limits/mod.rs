//! How often: what one address, one user, or one address at one account may ask for.
//!
//! Every limit is a bucket that is full at first and fills up steadily (GCRA): bursts are let through, floods are not.
//! It is asked before any work is done, so that a refusal costs next to nothing. What an account is guessed at counts
//! together with the address of who guesses, and is given back once a right password is answered: nobody elsewhere can
//! spend what its owner has, and once answered its owner has spent nothing.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`rate`], [`setting`] | `20+10/min`, and `TRELLIS_RATE_LIMITS` |
//! | [`cell`], [`table`] | one bucket, and all of one limit |
//! | [`admission`], [`edge`] | what spends which; what every request spends |
//! | [`attempt`] | what is given back once it is answered |
//! | [`standing`] | what an answer says of the buckets that it spent |
//! | [`forwarders`] | a proxy that nobody trusts would make everybody one address |

mod admission;
mod attempt;
mod cell;
pub mod edge;
mod forwarders;
mod limited;
mod rate;
mod setting;
pub mod standing;
mod table;

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

use tokio::time::Instant;

pub use trellis_authn::Network;

pub use attempt::{Attempt, Creation};
pub use edge::Visitor;
pub use forwarders::Forwarders;
pub use limited::Limited;
pub use rate::Rate;
pub use setting::{Limit, Rates};

use attempt::Taken;
use table::Table;

/// The limits of this gateway, shared by everything that asks. Other gateways have their own.
pub struct RateLimits {
    tables: Vec<Option<Arc<Table>>>,
    /// Keyed at random, so that nobody can choose names that meet.
    hasher: RandomState,
    started: Instant,
}

impl RateLimits {
    pub fn new(rates: &Rates) -> Self {
        let table = |limit| rates.of(limit).map(|rate| Arc::new(Table::new(limit, rate)));
        Self { tables: Limit::ALL.map(table).into(), hasher: RandomState::new(), started: Instant::now() }
    }

    /// Takes one out of the bucket of `who`.
    fn take(&self, limit: Limit, who: impl Hash) -> Result<Taken, Limited> {
        let Some(Some(table)) = self.tables.get(limit as usize) else { return Ok(Taken::nothing()) };
        let cell = table.cell(self.hasher.hash_one(who));
        let taken = cell.take(self.now(), table.pace);
        if limit.is_told() || taken.is_err() {
            standing::note(table, &cell);
        }
        match taken {
            Ok(()) => Ok(Taken::one(Arc::clone(table), cell)),
            Err(wait) => {
                metrics::counter!("rate_limited_total", "limit" => limit.as_str()).increment(1);
                Err(Limited { limit, wait })
            }
        }
    }

    /// Nanoseconds; for some centuries.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
