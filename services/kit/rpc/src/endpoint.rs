//! One endpoint of a channel: its connection, and whether it failed just now.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::Uri;
use tokio::time::Instant;
use tonic::transport;

use crate::Tls;

pub(crate) struct Endpoint {
    uri: Uri,
    channel: transport::Channel,
    created: Instant,
    shunned: Shunned,
    told: Told,
}

impl Endpoint {
    pub(crate) fn new(uri: Uri, tls: &Tls) -> Self {
        let mut endpoint = transport::Endpoint::from(uri.clone())
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(2))
            .keep_alive_timeout(Duration::from_secs(2))
            .keep_alive_while_idle(true);
        if let Some(tls) = tls.client() {
            endpoint = endpoint.tls_config(tls).expect("files and host were checked when the settings were read");
        }
        Self {
            uri,
            channel: endpoint.connect_lazy(),
            created: Instant::now(),
            shunned: Shunned::default(),
            told: Told::default(),
        }
    }

    pub(crate) fn channel(&self) -> transport::Channel {
        self.channel.clone()
    }

    pub(crate) fn failed(&self) {
        self.shunned.begin(self.now());
    }

    pub(crate) fn answered(&self) {
        self.shunned.end();
    }

    /// Whether a call may be tried here before others.
    pub(crate) fn admits(&self) -> bool {
        self.shunned.admits(self.now())
    }

    /// Whether a warning about this endpoint may be logged now: what needs a person's hand is told from time to time.
    pub(crate) fn may_tell(&self) -> bool {
        self.told.may(self.now())
    }

    /// Milliseconds since the endpoint was made.
    fn now(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// For a while after a failure an endpoint is asked last. Then one call per period finds out whether it is back; the
/// others would only wait with it. All times in milliseconds.
#[derive(Default)]
struct Shunned {
    /// 0: not at all.
    until: AtomicU64,
}

impl Shunned {
    const PERIOD: u64 = 1000;

    fn begin(&self, now: u64) {
        self.until.store(now + Self::PERIOD, Ordering::Relaxed);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    fn admits(&self, now: u64) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        let claim =
            || self.until.compare_exchange(until, now + Self::PERIOD, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        until == 0 || (now >= until && claim())
    }
}

/// At most one warning a period.
#[derive(Default)]
struct Told {
    /// 0: none was yet.
    until: AtomicU64,
}

impl Told {
    const PERIOD: u64 = 60_000;

    fn may(&self, now: u64) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        now >= until
            && self.until.compare_exchange(until, now + Self::PERIOD, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_call_per_period_tries_again() {
        let shunned = Shunned::default();
        assert!(shunned.admits(0));
        shunned.begin(0);
        assert!(!shunned.admits(999));
        assert!(shunned.admits(1000));
        assert!(!shunned.admits(1500), "the first one is still finding out");
        assert!(shunned.admits(2000));
        shunned.end();
        assert!(shunned.admits(2001));
        assert!(shunned.admits(2001));
    }

    #[test]
    fn a_warning_is_told_once_a_minute() {
        let told = Told::default();
        assert!(told.may(0));
        assert!(!told.may(59_999));
        assert!(told.may(60_000));
        assert!(!told.may(60_001));
    }
}
