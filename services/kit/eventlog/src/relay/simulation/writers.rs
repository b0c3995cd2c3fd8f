//! Who writes: commits now and then, in scopes that overtake each other.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use trellis_seeds::Chance;

use super::world::World;

/// Writes by the process, while it lives, until it is enough.
pub(super) async fn write(world: &World, process: usize, scopes: u64, mut chance: Chance, writing: CancellationToken) {
    while !writing.is_cancelled() {
        sleep(chance.choose(&[
            (2, Duration::ZERO),
            (3, chance.clone().millis(1..=30)),
            (2, chance.clone().millis(20..=200)),
        ]))
        .await;
        let scope = chance.within(1..=scopes);
        let begun = {
            let mut state = world.lock();
            let up = state.database_until <= Instant::now() && state.processes[process].alive;
            let crashes = state.crashes;
            up.then(|| state.begin(scope)).flatten().map(|id| (id, crashes))
        };
        let Some((id, crashes)) = begun else {
            sleep(chance.millis(10..=60)).await;
            continue;
        };
        sleep(chance.choose(&[(4, Duration::ZERO), (2, Duration::from_millis(2)), (1, Duration::from_millis(60))]))
            .await;
        let mut state = world.lock();
        if state.crashes == crashes {
            state.commit(id);
            state.processes[process].committed.notify_one();
        }
    }
}
