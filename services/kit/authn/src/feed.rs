//! How a process follows another one's feed: a pull every 500 ms, and at once when a push says that there is
//! something. The truth is in the pull; the push only wakes it. What an answer means stands in `sessions` and
//! `memberships`.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// From one pull to the next.
const INTERVAL: Duration = Duration::from_millis(500);
/// A pull that takes longer has failed: what it would say is old.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pushes closer than this share a pull.
const GAP: Duration = Duration::from_millis(25);
/// Without an answer for so long, nothing is known any more.
const FRESH: Duration = Duration::from_secs(10);

/// Asks once, applies the answer.
pub(crate) trait Pull: Send + 'static {
    fn pull(&mut self) -> impl Future<Output = Result<(), Status>> + Send;
}

/// When the feed was last heard, and the bell that asks for a pull.
pub(crate) struct Feed {
    /// For logs: what is followed.
    name: &'static str,
    /// When the last question that was answered had been asked: the answer is at least that new.
    heard: watch::Sender<Option<Instant>>,
    bell: Notify,
}

impl Feed {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, heard: watch::Sender::new(None), bell: Notify::new() })
    }

    /// Resolves when an answer came once.
    pub(crate) async fn loaded(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.heard.subscribe().wait_for(Option::is_some).await;
    }

    /// By the clock, not by what the task says of itself: it is right even if the task is no more.
    pub(crate) fn fresh(&self) -> bool {
        self.heard.borrow().is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Asks for a pull at once.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Starts following in the background, until `shutdown`.
    pub(crate) fn start<P: Pull>(
        self: &Arc<Self>,
        pull: P,
        nats: Option<async_nats::Client>,
        subject: String,
        shutdown: CancellationToken,
    ) {
        if let Some(nats) = nats {
            let (feed, shutdown) = (Arc::clone(self), shutdown.clone());
            tokio::spawn(async move { shutdown.run_until_cancelled(feed.listen(nats, subject)).await });
        }
        let feed = Arc::clone(self);
        tokio::spawn(async move { shutdown.run_until_cancelled(feed.run(pull)).await });
    }

    async fn run<P: Pull>(&self, mut pull: P) {
        let mut before = None;
        loop {
            let asked = Instant::now();
            let answer = timeout(PATIENCE, pull.pull())
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
            let heard = answer.is_ok();
            if heard {
                self.heard.send_replace(Some(asked));
            }
            if before.replace(heard) != Some(heard) {
                self.report(&answer);
            }
            // A failed pull waits its turn whatever the bell says, so that trouble does not make more of it.
            if heard {
                tokio::select! {
                    () = sleep_until(asked + INTERVAL) => {}
                    () = self.bell.notified() => sleep(GAP).await,
                }
            } else {
                sleep_until(asked + INTERVAL).await;
            }
        }
    }

    /// Once per change, not once per pull.
    fn report(&self, answer: &Result<(), Status>) {
        match answer {
            Ok(()) => tracing::info!(feed = self.name, "following"),
            Err(status) => tracing::warn!(
                feed = self.name,
                code = ?status.code(),
                "not heard; tried again every {INTERVAL:?}"
            ),
        }
    }

    /// Rings the bell for each event of the subject. What is missed here, the next pull brings.
    async fn listen(&self, nats: async_nats::Client, subject: String) {
        loop {
            match nats.subscribe(subject.clone()).await {
                Ok(mut events) => {
                    while events.next().await.is_some() {
                        self.ring();
                    }
                }
                Err(error) => tracing::debug!(feed = self.name, %error, "no push"),
            }
            sleep(FRESH / 10).await;
        }
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
