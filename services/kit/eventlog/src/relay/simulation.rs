//! The relay whole — candidacy, lock, schedule, stream — under deterministic simulation: its own code in a paused
//! time, between a database and a NATS that a seed decides about.
//!
//! Two processes relay one database. Scopes commit out of each other's order; processes are killed, stopped and held
//! (SIGSTOP); sessions end, the database stands still or crashes (and forgets what was not yet durable);
//! acknowledgements are lost, late and doubled; the stream is deleted, full, or goes back and grows on with the events
//! of others. Then all that ends, and everything must be in the stream, in the order of its scope, soon.
//!
//! `TRELLIS_SEED=7 cargo test -p trellis-eventlog --lib relay::simulation` replays one; `TRELLIS_SEEDS` is how many are run.

mod broker;
mod database;
mod faults;
mod planted;
mod process;
mod world;
mod writers;

use std::sync::{Arc, Mutex};

use trellis_seeds::Runs;

use planted::Planted;
use world::World;

const RUNS: Runs = Runs { command: "cargo test -p trellis-eventlog --lib relay::simulation::nothing", seeds: 10_000 };

/// One run; gives what happened in it.
fn run(seed: u64, planted: Planted) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(seed, planted);
        faults::run(&world).await;
        world.lock().story()
    })
}

#[test]
fn nothing_is_lost_and_nothing_comes_early() {
    RUNS.hold(|seed| drop(run(seed, Planted::Nothing)));
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..50 {
        assert_eq!(run(seed, Planted::Nothing), run(seed, Planted::Nothing), "seed {seed}");
    }
}

#[test]
fn much_happens() {
    // What never happens proves nothing.
    let all = Arc::new(Mutex::new(String::new()));
    Runs { seeds: 300, ..RUNS }.hold(|seed| {
        let story = run(seed, Planted::Nothing);
        all.lock().unwrap().push_str(&story);
    });
    let all = all.lock().unwrap();
    let happenings = [
        "killed",
        "held",
        "stopped",
        "session ended",
        "stands still",
        "crashed",
        "deaf",
        "cut off",
        "restarted",
        "went back",
        "deleted",
        "full",
        "silent for too long",
        "queued again",
        "stored again",
        "no acknowledgement",
        "late",
        "took back",
    ];
    for happening in happenings {
        assert!(all.contains(happening), "it never happened: {happening}");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "by which seed it is found, for who asks (--nocapture)")]
fn planted_faults_are_found() {
    for planted in Planted::ALL {
        let found = RUNS.find(|seed| drop(run(seed, planted)));
        let found = found.unwrap_or_else(|| panic!("{planted:?} is not found"));
        println!("{planted:?}: seed {}: {}", found.seed, found.message);
    }
}
