//! One endpoint of a channel: its connection, and whether it failed just now or has fallen silent.

use std::{
    fmt,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
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
    silence: Silence,
    told: Told,
}

/// A call under way at an endpoint.
pub(crate) struct Asked<'a> {
    endpoint: &'a Endpoint,
    answered: bool,
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
            silence: Silence::default(),
            told: Told::default(),
        }
    }

    pub(crate) fn channel(&self) -> transport::Channel {
        self.channel.clone()
    }

    /// Notes that a call goes there.
    pub(crate) fn ask(&self) -> Asked<'_> {
        self.silence.begin(self.now());
        Asked { endpoint: self, answered: false }
    }

    pub(crate) fn failed(&self) {
        self.shunned.begin(self.now());
    }

    /// Whether a call may be tried here before others. `light`: it is no harm if it gets no answer here.
    pub(crate) fn admits(&self, light: bool) -> bool {
        let now = self.now();
        !self.silence.lasts(now) && self.shunned.admits(now, light)
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

impl Asked<'_> {
    /// It serves.
    pub(crate) fn answered(&mut self) {
        self.heard();
        self.endpoint.shunned.end();
    }

    /// It said something.
    pub(crate) fn heard(&mut self) {
        self.answered = true;
        self.endpoint.silence.heard(self.endpoint.now());
    }
}

impl Drop for Asked<'_> {
    /// Whoever gave up waiting while nothing at all came from there spares the next ones the same.
    fn drop(&mut self) {
        if !self.answered && self.endpoint.silence.lasts(self.endpoint.now()) {
            self.endpoint.failed();
        }
        self.endpoint.silence.end();
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// For a while after a failure an endpoint is asked last. Then one call per period finds out whether it is back; the
/// others would only wait with it. That is a light one, where there are any. All times in milliseconds.
#[derive(Default)]
struct Shunned {
    /// 0: not at all.
    until: AtomicU64,
}

impl Shunned {
    const PERIOD: u64 = 1000;
    /// After so long there seem to be none but others.
    const GRACE: u64 = 4000;

    fn begin(&self, now: u64) {
        self.until.store(now + Self::PERIOD, Ordering::Relaxed);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    fn admits(&self, now: u64, light: bool) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        let over = until + if light { 0 } else { Self::GRACE };
        let claim =
            || self.until.compare_exchange(until, now + Self::PERIOD, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        until == 0 || (now >= over && claim())
    }
}

/// How long an endpoint that is asked has said nothing. One that is stopped or cut off still takes calls; the keepalive
/// finds it after seconds, this sooner. Times in milliseconds.
#[derive(Default)]
struct Silence {
    /// Calls under way.
    asked: AtomicU32,
    /// The last word, or the first of these calls.
    since: AtomicU64,
}

impl Silence {
    /// Nearly all answers come sooner; and who is only slow is only asked last for a moment. Less than a channel waits
    /// before it asks another one for a read.
    const PERIOD: u64 = 250;

    fn begin(&self, now: u64) {
        if self.asked.fetch_add(1, Ordering::Relaxed) == 0 {
            self.since.store(now, Ordering::Relaxed);
        }
    }

    fn heard(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    fn end(&self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    fn lasts(&self, now: u64) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        self.asked.load(Ordering::Relaxed) > 0 && now.saturating_sub(since) >= Self::PERIOD
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
        assert!(shunned.admits(0, true));
        shunned.begin(0);
        assert!(!shunned.admits(999, true));
        assert!(shunned.admits(1000, true));
        assert!(!shunned.admits(1500, true), "the first one is still finding out");
        assert!(shunned.admits(2000, true));
        shunned.end();
        assert!(shunned.admits(2001, true));
        assert!(shunned.admits(2001, false));
    }

    #[test]
    fn a_call_that_matters_leaves_trying_to_the_others() {
        let shunned = Shunned::default();
        shunned.begin(0);
        assert!(!shunned.admits(1000, false));
        assert!(shunned.admits(4000, true));
        assert!(!shunned.admits(5000, false), "others try");
        assert!(shunned.admits(9000, false), "nobody else does");
        assert!(!shunned.admits(9500, true));
    }

    #[test]
    fn who_is_asked_and_says_nothing_is_silent() {
        let silence = Silence::default();
        assert!(!silence.lasts(10_000), "nobody asks");
        silence.begin(10_000);
        silence.begin(10_200);
        assert!(!silence.lasts(10_249));
        assert!(silence.lasts(10_250));
        silence.heard(10_600);
        silence.end();
        assert!(!silence.lasts(10_849), "one was answered");
        assert!(silence.lasts(10_850));
        silence.end();
        assert!(!silence.lasts(20_000));
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
