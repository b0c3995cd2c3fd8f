//! Seeded simulations, for tests: chance that can be repeated ([`Chance`]), and runs over many seeds ([`Runs`]).
//!
//! A seed decides everything that happens in its run, so a seed that fails fails again. No clock, no threads and no
//! maps of the standard library may decide anything within a run.

mod chance;
mod runs;

pub use chance::Chance;
pub use runs::{Failure, Runs};
