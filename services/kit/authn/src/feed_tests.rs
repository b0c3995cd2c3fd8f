//! The cadence of pulls, and freshness by the clock.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

#[derive(Clone, Default)]
struct Source {
    pulls: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
}

impl Source {
    fn pulls(&self) -> usize {
        self.pulls.load(Ordering::SeqCst)
    }
}

impl Pull for Source {
    async fn pull(&mut self) -> Result<(), Status> {
        self.pulls.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "the source is gone");
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) { Err(Status::unavailable("down")) } else { Ok(()) }
    }
}

fn follow(source: &Source) -> (Arc<Feed>, CancellationToken) {
    let (feed, shutdown) = (Feed::new("test"), CancellationToken::new());
    feed.start(source.clone(), None, "test".to_owned(), shutdown.clone());
    (feed, shutdown)
}

#[tokio::test(start_paused = true)]
async fn it_pulls_twice_a_second() {
    let source = Source::default();
    let (feed, shutdown) = follow(&source);
    assert!(!feed.fresh());
    feed.loaded().await;
    assert!(feed.fresh());
    sleep(Duration::from_millis(5100)).await;
    assert_eq!(source.pulls(), 11);
    shutdown.cancel();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(source.pulls(), 11);
    assert!(feed.fresh());
    sleep(Duration::from_secs(6)).await;
    assert!(!feed.fresh());
}

#[tokio::test(start_paused = true)]
async fn a_bell_is_heard_at_once_and_many_bells_as_one() {
    let source = Source::default();
    let (feed, _shutdown) = follow(&source);
    feed.loaded().await;
    sleep(Duration::from_millis(100)).await;
    for _ in 0..1000 {
        feed.ring();
    }
    sleep(Duration::from_millis(30)).await;
    assert_eq!(source.pulls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_pull_does_not_spin() {
    let source = Source::default();
    source.fails.store(true, Ordering::SeqCst);
    let (feed, _shutdown) = follow(&source);
    for _ in 0..1000 {
        feed.ring();
        sleep(Duration::from_millis(5)).await;
    }
    assert!(source.pulls() <= 11, "{}", source.pulls());
    assert!(!feed.fresh());
    source.fails.store(false, Ordering::SeqCst);
    feed.loaded().await;
    assert!(feed.fresh());
}

#[tokio::test(start_paused = true)]
async fn silence_and_death_are_noticed_within_ten_seconds() {
    for (hangs, panics) in [(true, false), (false, true)] {
        let source = Source::default();
        let (feed, _shutdown) = follow(&source);
        feed.loaded().await;
        source.hangs.store(hangs, Ordering::SeqCst);
        source.panics.store(panics, Ordering::SeqCst);
        sleep(Duration::from_secs(9)).await;
        assert!(feed.fresh());
        sleep(Duration::from_millis(1600)).await;
        assert!(!feed.fresh());
        // What hung is asked again.
        source.hangs.store(false, Ordering::SeqCst);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(feed.fresh(), hangs);
    }
}
