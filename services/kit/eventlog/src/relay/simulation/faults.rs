//! What happens to the two processes, their database and their broker, until it is over and all must be well.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use trellis_seeds::Chance;

use super::super::relay;
use super::broker::SimBroker;
use super::database::SimDatabase;
use super::process::Held;
use super::world::{PROCESSES, World};
use super::writers::write;

/// Within this all is in the stream when nothing is wrong any more: a look that was just done is done again after 10 s,
/// and a session that is silent is ended after 5 s.
const SOON: Duration = Duration::from_secs(18);
/// A shutdown that can drain does so.
const DRAINED: Duration = Duration::from_secs(9);

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    /// SIGSTOP, SIGCONT.
    Hold,
    /// SIGTERM.
    Stop,
    EndSession,
    Deaf,
    StandStill,
    Crash,
    CutOff,
    Lossy,
    RestartBroker,
    GoBack,
    Forget,
    DeleteStream,
    Full,
}

/// Those that a run has, each as often as its weight says. Many runs have no loss of the stream, so that its order
/// can be looked at.
const USUAL: [(u64, Fault); 10] = [
    (3, Fault::Kill),
    (4, Fault::Hold),
    (2, Fault::Stop),
    (2, Fault::EndSession),
    (2, Fault::Deaf),
    (2, Fault::StandStill),
    (3, Fault::Crash),
    (3, Fault::CutOff),
    (4, Fault::Lossy),
    (2, Fault::RestartBroker),
];
const LOSSES: [(u64, Fault); 13] = [
    (4, Fault::GoBack),
    (3, Fault::Forget),
    (3, Fault::DeleteStream),
    (2, Fault::Full),
    (2, Fault::Kill),
    (2, Fault::Hold),
    (1, Fault::Stop),
    (1, Fault::EndSession),
    (1, Fault::Deaf),
    (1, Fault::StandStill),
    (2, Fault::Crash),
    (3, Fault::CutOff),
    (3, Fault::Lossy),
];

struct Process {
    shutdown: CancellationToken,
    relay: JoinHandle<()>,
}

pub(super) async fn run(world: &World) {
    let mut chance = world.lock().chance.fork();
    let scopes = chance.within(1..=4);
    let mut processes: Vec<_> = (0..PROCESSES).map(|process| Some(start(world, process))).collect();
    let writing = CancellationToken::new();
    let writers: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let (world, chance, writing) = (world.clone(), chance.fork(), writing.clone());
            tokio::spawn(async move { write(&world, process, scopes, chance, writing).await })
        })
        .collect();

    let weights: &[_] = if chance.percent(50) { &USUAL } else { &LOSSES };
    for _ in 0..chance.within(1..=5) {
        sleep(chance.choose(&[(3, chance.clone().millis(0..=60)), (2, chance.clone().millis(60..=900))])).await;
        let process = chance.index(PROCESSES);
        happen(world, chance.choose(weights), process, &mut processes, &mut chance).await;
    }
    sleep(chance.millis(0..=300)).await;
    writing.cancel();
    for writer in writers {
        writer.await.unwrap();
    }
    settle(world, &mut processes).await;

    world.lock().check_order();
    for process in processes.into_iter().flatten() {
        process.shutdown.cancel();
        timeout(DRAINED, process.relay).await.expect("it does not stop").expect("a relay panicked");
    }
}

fn start(world: &World, process: usize) -> Process {
    let life = {
        let mut state = world.lock();
        let seen = &mut state.processes[process];
        seen.life += 1;
        seen.alive = true;
        seen.in_flight.clear();
        seen.life
    };
    let shutdown = CancellationToken::new();
    let (outer, stop) = (world.clone(), shutdown.clone());
    let relay = tokio::spawn(async move {
        let database = SimDatabase { world: outer.clone(), process };
        let broker = SimBroker { world: outer.clone(), process, life };
        Held::new(&outer, process, life, relay(&database, &broker, &stop)).await;
    });
    Process { shutdown, relay }
}

async fn happen(world: &World, fault: Fault, process: usize, processes: &mut [Option<Process>], chance: &mut Chance) {
    let now = Instant::now();
    match fault {
        Fault::Kill => {
            kill(world, process, processes);
            sleep(chance.millis(0..=900)).await;
            processes[process] = Some(start(world, process));
        }
        Fault::Stop => {
            world.lock().tell("a process is stopped");
            if let Some(stopped) = processes[process].take() {
                stopped.shutdown.cancel();
                if chance.percent(50) {
                    timeout(DRAINED * 2, stopped.relay).await.expect("it does not stop").expect("a relay panicked");
                } else {
                    processes[process] = Some(stopped);
                    sleep(chance.millis(0..=200)).await;
                    kill(world, process, processes);
                }
            }
            world.lock().processes[process].alive = false;
            processes[process] = Some(start(world, process));
        }
        Fault::Hold => {
            let until = now
                + chance.choose(&[(2, chance.clone().millis(20..=2_000)), (3, chance.clone().millis(4_000..=7_500))]);
            let mut state = world.lock();
            state.tell("a process is held");
            state.processes[process].held_until = until;
        }
        Fault::EndSession => {
            let mut state = world.lock();
            if let Some(ended) = state.leader.and_then(|leader| state.sessions.get(&leader).cloned()) {
                state.tell("the leader's session ended");
                ended.cancel();
            }
        }
        Fault::Deaf => {
            let mut state = world.lock();
            if let Some(leader) = state.leader {
                state.tell("the leader is deaf");
                state.deaf.insert(leader);
            }
        }
        Fault::StandStill => {
            let until = now + chance.millis(20..=4_000);
            let mut state = world.lock();
            state.tell("the database stands still");
            state.database_until = until;
        }
        Fault::Crash => {
            let until = now + chance.millis(20..=900);
            let mut state = world.lock();
            state.tell("the database crashed");
            state.crash();
            state.database_until = until;
        }
        of_the_broker => happen_to_the_broker(world, of_the_broker, process, chance),
    }
}

fn happen_to_the_broker(world: &World, fault: Fault, process: usize, chance: &mut Chance) {
    let now = Instant::now();
    match fault {
        Fault::CutOff => {
            world.lock().tell("a process is cut off");
            connect_again(world, process, chance.millis(0..=2_500), chance);
        }
        Fault::Lossy => {
            let until = now + chance.millis(100..=1_500);
            world.lock().lossy_until = until;
        }
        Fault::Full => {
            let until = now + chance.millis(50..=1_500);
            let mut state = world.lock();
            state.tell("the stream is full");
            state.full_until = until;
        }
        Fault::DeleteStream => {
            let mut state = world.lock();
            state.tell("the stream was deleted");
            state.lost = true;
            state.stream = None;
            if chance.percent(50) {
                // Another service's relay makes it again.
                state.made();
                state.grow(chance.within(0..=30));
            }
        }
        _ => {
            let down = chance.choose(&[(2, chance.clone().millis(1..=60)), (1, chance.clone().millis(60..=1_500))]);
            {
                let mut state = world.lock();
                match fault {
                    Fault::GoBack => {
                        state.tell("the stream went back");
                        state.shorten(chance.within(1..=12));
                        state.grow(chance.choose(&[(1, 0), (2, 5), (2, 20)]));
                    }
                    Fault::Forget => {
                        state.tell("the stream was deleted with all else");
                        state.lost = true;
                        state.stream = None;
                    }
                    _ => state.tell("the broker restarted"),
                }
            }
            for process in 0..PROCESSES {
                connect_again(world, process, down + chance.millis(0..=40), chance);
            }
        }
    }
}

fn kill(world: &World, process: usize, processes: &mut [Option<Process>]) {
    if let Some(killed) = processes[process].take() {
        killed.relay.abort();
    }
    let mut state = world.lock();
    state.tell("a process is killed");
    state.processes[process].alive = false;
    state.processes[process].held_until = Instant::now();
}

/// The connection ends, and after that time there is another one.
fn connect_again(world: &World, process: usize, after: Duration, chance: &mut Chance) {
    let number = {
        let mut state = world.lock();
        let seen = &mut state.processes[process];
        seen.connected = false;
        seen.connections
    };
    let noticed = after + chance.millis(0..=3);
    let world = world.clone();
    tokio::spawn(async move {
        sleep(noticed).await;
        let mut state = world.lock();
        let seen = &mut state.processes[process];
        // Unless it was cut off once more meanwhile, and is back already.
        if !seen.connected && seen.connections == number {
            seen.connected = true;
            seen.connections += 1;
            seen.connected_at = Instant::now();
        }
    });
}

/// Nothing is wrong any more. Soon all is where it belongs.
async fn settle(world: &World, processes: &mut [Option<Process>]) {
    for (process, running) in processes.iter_mut().enumerate() {
        world.lock().processes[process].held_until = Instant::now();
        if running.is_none() {
            *running = Some(start(world, process));
        }
    }
    let over = {
        let mut state = world.lock();
        let now = Instant::now();
        state.full_until = now;
        state.lossy_until = now;
        state.tell("nothing is wrong any more");
        state.database_until.max(now)
    };
    loop {
        // Not in the loop's condition: it would hold the world.
        let unfinished = world.lock().unfinished();
        let Some(unfinished) = unfinished else { return };
        assert!(over.elapsed() < SOON, "{unfinished}; what happened:\n{}", world.lock().story());
        sleep(Duration::from_millis(100)).await;
    }
}
