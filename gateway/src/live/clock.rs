//! Everything that a socket does at a time, behind one timer.

use std::{pin::Pin, time::Duration};

use rand::RngExt;
use tokio::time::{Instant, Sleep, sleep_until};

/// A token is good for this long after its time.
const LEEWAY: i64 = 5;
/// Ticks between two pings of ours, and ticks without a sign of life after which the client is gone.
const PING_EVERY: u32 = 2;
const GONE_AFTER: u32 = 5;
/// No alarm is set for later than this; it is looked again then.
const FAR: Duration = Duration::from_hours(1);

/// What time it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// The token is no longer good.
    Expired,
    Restart,
    /// Quiet topics are told their position; every other time the client is asked whether it is there.
    Tick {
        ping: bool,
    },
    /// The client gave no sign of life.
    Gone,
}

pub struct Clock {
    alarm: Pin<Box<Sleep>>,
    /// Unix seconds.
    expires_at: i64,
    /// When to look at that.
    expires: Instant,
    restart: Option<Instant>,
    every: Duration,
    tick: Instant,
    ticks: u32,
    heard: Instant,
}

impl Clock {
    pub fn new(expires_at: i64, every: Duration) -> Self {
        let now = Instant::now();
        Self {
            alarm: Box::pin(sleep_until(now)),
            expires_at,
            expires: now + left(expires_at),
            restart: None,
            every,
            tick: now + every,
            ticks: 0,
            heard: now,
        }
    }

    /// A fresh token.
    pub fn expires_at(&mut self, expires_at: i64) {
        self.expires_at = expires_at;
        self.expires = Instant::now() + left(expires_at);
    }

    /// The client gave a sign of life.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Whether the socket must end, at some time within `spread`, so that not all come back at once.
    pub fn restart(&mut self, must: bool, spread: Duration) {
        let jitter = spread.mul_f64(rand::rng().random_range(0.0..1.0));
        self.restart = must.then(|| Instant::now() + jitter);
    }

    /// Sets the timer to what comes first.
    pub fn set(&mut self) {
        let first = self.restart.map_or(self.tick, |restart| restart.min(self.tick)).min(self.expires);
        if self.alarm.deadline() != first {
            self.alarm.as_mut().reset(first);
        }
    }

    /// Resolves at the time that was set. Safe to drop and ask again.
    pub async fn alarm(&mut self) {
        self.alarm.as_mut().await;
    }

    /// What it is time for now.
    pub fn due(&mut self) -> Due {
        let now = Instant::now();
        if now >= self.expires {
            let left = left(self.expires_at);
            if left.is_zero() {
                return Due::Expired;
            }
            self.expires = now + left;
        }
        if self.restart.is_some_and(|at| now >= at) {
            return Due::Restart;
        }
        if now < self.tick {
            return Due::Nothing;
        }
        if now.duration_since(self.heard) >= self.every * GONE_AFTER {
            return Due::Gone;
        }
        self.tick = now + self.every;
        self.ticks = self.ticks.wrapping_add(1);
        Due::Tick { ping: self.ticks.is_multiple_of(PING_EVERY) }
    }
}

/// How long a token is still good, as far as an alarm is set.
fn left(expires_at: i64) -> Duration {
    let left = expires_at.saturating_add(LEEWAY) - chrono::Utc::now().timestamp();
    Duration::from_secs(u64::try_from(left).unwrap_or(0)).min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(15);

    async fn next(clock: &mut Clock) -> (u64, Due) {
        let before = Instant::now();
        loop {
            clock.set();
            clock.alarm().await;
            let due = clock.due();
            if due != Due::Nothing {
                return (before.elapsed().as_secs(), due);
            }
        }
    }

    fn in_an_hour() -> i64 {
        chrono::Utc::now().timestamp() + 3600
    }

    #[tokio::test(start_paused = true)]
    async fn it_ticks_pings_and_gives_up_on_a_silent_client() {
        let mut clock = Clock::new(in_an_hour(), EVERY);
        assert_eq!(next(&mut clock).await, (15, Due::Tick { ping: false }));
        assert_eq!(next(&mut clock).await, (15, Due::Tick { ping: true }));
        clock.heard();
        for ping in [false, true, false, true] {
            assert_eq!(next(&mut clock).await, (15, Due::Tick { ping }));
        }
        assert_eq!(next(&mut clock).await, (15, Due::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_comes_within_its_spread() {
        let mut clock = Clock::new(in_an_hour(), EVERY);
        clock.restart(true, Duration::from_secs(2));
        let (after, due) = next(&mut clock).await;
        assert!(after <= 2 && due == Due::Restart);
        clock.restart(false, Duration::from_secs(2));
        assert!(matches!(next(&mut clock).await, (_, Due::Tick { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_due_at_once_and_a_fresh_one_is_not() {
        let mut clock = Clock::new(chrono::Utc::now().timestamp() - 10, EVERY);
        assert_eq!(next(&mut clock).await, (0, Due::Expired));
        clock.expires_at(in_an_hour());
        assert!(matches!(next(&mut clock).await, (_, Due::Tick { .. })));
    }
}
