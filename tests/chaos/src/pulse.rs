//! How slow the machine itself is: what a gateway takes to say that it lives, which needs nobody else.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::client::Client;

/// How long a beat counts.
const RECENT: Duration = Duration::from_secs(4);
const BETWEEN: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Pulse(Mutex<VecDeque<(Instant, Duration)>>);

impl Pulse {
    /// The slowest of the last seconds.
    pub fn slowest(&self) -> Duration {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|(_, took)| *took).max().unwrap_or_default()
    }

    pub async fn feel(&self, client: &Client, stopped: impl Fn() -> bool) {
        while !stopped() {
            for gateway in 0..client.bases.len() {
                let took = client.pulse(gateway).await;
                let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                beats.push_back((Instant::now(), took));
                beats.retain(|(at, _)| at.elapsed() < RECENT);
            }
            sleep(BETWEEN).await;
        }
    }
}
