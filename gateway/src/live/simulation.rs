//! From NATS and the log to a subscription, under deterministic simulation: the two state machines ([`sequencer`] and
//! [`subscription`]) with the ring between them, and everything that can happen to events on their way. They are lost,
//! doubled, overtaken; reads fail, are cut short, answer late; heads are old; sockets are slow; retention deletes;
//! the database is made anew. Whatever the order of things, every subscription sees exactly what it should, once and
//! in order, and is told where it cannot.
//!
//! `TRELLIS_SEED=7 cargo test -p trellis-gateway --lib live::simulation` replays one.
//!
//! [`sequencer`]: super::sequencer
//! [`subscription`]: super::subscription

mod happening;
mod settled;
mod world;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use trellis_seeds::{Chance, Runs};

use happening::{anything, usual};
use world::World;

const COMMAND: &str = "cargo test -p trellis-gateway --lib live::simulation::every";
const RUNS: Runs = Runs { command: COMMAND, seeds: 10_000 };

/// What is wrong on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// What comes over NATS is handed out, whatever is missing before it.
    NoGapCheck,
    /// The epoch of a message is believed.
    EpochOfMessages,
    /// Nobody asks where the scope stands.
    NoHeads,
    /// Who is behind the ring goes on with what the ring has.
    LiveBeforeReplay,
    /// A subscription begins where the ring is when it joins, and is told where the scope was when it asked.
    LiveBeforeBuffering,
    /// What does not fit is left out: a queue that is dropped without going back.
    DroppedQueue,
    /// What is no longer kept is not looked at when a cursor comes back.
    AnyCursor,
    /// What was missed is not told.
    SilentReset,
}

const PLANTED: [Planted; 8] = [
    Planted::NoGapCheck,
    Planted::EpochOfMessages,
    Planted::NoHeads,
    Planted::LiveBeforeReplay,
    Planted::LiveBeforeBuffering,
    Planted::DroppedQueue,
    Planted::AnyCursor,
    Planted::SilentReset,
];

/// One run. Even seeds lose nothing for good.
fn run(seed: u64, planted: Planted) -> World {
    let mut chance = Chance::new(seed);
    let mut world = World::new(planted);
    for (back, filter) in [(255, None), (3, None), (3, Some(1))] {
        world.open(back, filter);
        world.join();
    }
    for _ in 0..chance.within(0..=300) {
        let happening = if seed.is_multiple_of(2) { usual(&mut chance) } else { anything(&mut chance) };
        world.happen(&happening);
    }
    world.settle();
    world.check();
    world
}

#[test]
fn every_subscription_sees_everything_once_and_in_order() {
    RUNS.hold(|seed| drop(run(seed, Planted::Nothing)));
}

#[test]
fn much_happens() {
    // What never happens proves nothing.
    let counts = Mutex::new(BTreeMap::new());
    Runs { seeds: 500, ..RUNS }.hold(|seed| {
        for (what, count) in run(seed, Planted::Nothing).counted() {
            *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_insert(0) += count;
        }
    });
    let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    for what in ["delivered", "read by the feed", "paged", "reset", "recovered", "not recovered", "begun anew"] {
        assert!(counts.get(what).is_some_and(|count| *count >= 20), "{what}: {counts:?}");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "by which seed it is found, for who asks (--nocapture)")]
fn planted_faults_are_found() {
    for planted in PLANTED {
        let found = RUNS.find(|seed| drop(run(seed, planted)));
        let found = found.unwrap_or_else(|| panic!("{planted:?} is not found"));
        println!("{planted:?}: seed {}: {}", found.seed, found.message);
    }
}
