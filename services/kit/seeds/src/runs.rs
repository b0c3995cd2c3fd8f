//! One simulation over many seeds: on all cores, until one fails; that one is told with the line that replays it.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// What a variable of this name says is the only seed that is run.
const SEED: &str = "TRELLIS_SEED";
/// What a variable of this name says is how many seeds are run.
const SEEDS: &str = "TRELLIS_SEEDS";

/// How a simulation is run.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// What runs it alone: `cargo test -p trellis-eventlog --lib simulation`.
    pub command: &'static str,
    pub seeds: u64,
}

/// The lowest seed that failed before the runs were stopped.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub message: String,
    command: &'static str,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, message, command } = self;
        write!(f, "seed {seed} fails: {message}\nreplay it with: {SEED}={seed} {command}")
    }
}

impl Runs {
    /// Panics where a seed does: with the line that replays it.
    pub fn hold(self, simulation: impl Fn(u64) + Sync) {
        if let Some(failure) = self.find(simulation) {
            panic!("{failure}");
        }
    }

    /// A seed that panics, if there is one. Also for faults that were planted: they must be found.
    pub fn find(self, simulation: impl Fn(u64) + Sync) -> Option<Failure> {
        if let Some(seed) = number(SEED) {
            return fails(&simulation, seed).map(|message| self.failure(seed, message));
        }
        let seeds = number(SEEDS).unwrap_or(self.seeds);
        let (next, found) = (AtomicU64::new(0), Mutex::new(None::<Failure>));
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return;
                        }
                        if let Some(message) = fails(&simulation, seed) {
                            // Nobody begins another one; those that are being run may be lower still.
                            next.store(seeds, Ordering::Relaxed);
                            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                            if found.as_ref().is_none_or(|other| seed < other.seed) {
                                *found = Some(self.failure(seed, message));
                            }
                        }
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(self, seed: u64, message: String) -> Failure {
        Failure { seed, message, command: self.command }
    }
}

/// Why it fails with that seed, if it does.
fn fails(simulation: &impl Fn(u64), seed: u64) -> Option<String> {
    // What it leaves behind is not looked at any more.
    catch_unwind(AssertUnwindSafe(|| simulation(seed))).err().map(|panic| text(&*panic))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "for a person who replays a seed, not a setting of a process")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Runs = Runs { command: "cargo test", seeds: 100 };

    #[test]
    fn every_seed_is_run_once() {
        let seen = Mutex::new(Vec::new());
        assert!(RUNS.find(|seed| seen.lock().unwrap().push(seed)).is_none());
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_failing_seed_is_told_with_the_line_that_replays_it() {
        let failure = RUNS.find(|seed| assert!(seed < 30, "{seed} is too much")).unwrap();
        assert!(failure.seed >= 30);
        let said = failure.to_string();
        assert!(said.contains(&format!("TRELLIS_SEED={} cargo test", failure.seed)), "{said}");
        assert!(said.contains("is too much"), "{said}");
    }
}
