//! The relay's own database session, and how long an answer of it may take: it holds the lock that makes a leader.
//!
//! Whatever a leader does to the outbox goes over the session that has the lock, so that who lost the lock can do
//! nothing any more. The server ends the session when it is silent for 5 s: a stopped process loses its leadership.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::publish::Message;
use super::schedule::Row;
use super::sides::{Database, Exchange, Outbox};
use super::stream::Remembered;

/// An answer that takes longer is taken for none. With [`FRESH`] it stays below the server's 5 s.
const ANSWER: Duration = Duration::from_secs(3);
/// After so long without an answer the lock may be another's.
const FRESH: Duration = Duration::from_secs(4);
/// Noting all that is to be published again is a long statement; the server is allowed as much for it.
const LONG_ANSWER: Duration = Duration::from_mins(1);

pub(crate) struct Session<O> {
    outbox: O,
    /// When the last question that was answered was asked.
    heard: Instant,
}

impl<O: Outbox> Session<O> {
    pub(crate) async fn connect<D: Database<Outbox = O>>(database: &D) -> Result<Self, sqlx::Error> {
        let asked = Instant::now();
        let outbox = answered(ANSWER, database.connect()).await?;
        Ok(Self { outbox, heard: asked })
    }

    /// Gives the lock back at once.
    pub(crate) async fn close(self) {
        timeout(ANSWER, self.outbox.close()).await.ok();
    }

    /// Whether the server cannot have ended the session for its silence.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.heard) < FRESH
    }

    /// Whether this session leads now.
    pub(crate) async fn try_lead(&mut self) -> Result<bool, sqlx::Error> {
        let asked = Instant::now();
        let leads = answered(ANSWER, self.outbox.try_lead()).await?;
        self.heard = asked;
        Ok(leads)
    }

    /// A sign of life; gives for how many seconds the oldest row waits.
    pub(crate) async fn beat(&mut self) -> Result<f64, sqlx::Error> {
        let asked = Instant::now();
        let seconds = answered(ANSWER, self.outbox.beat()).await?;
        self.heard = asked;
        Ok(seconds)
    }

    /// Deletes what was acknowledged and reads what is there.
    pub(crate) async fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Row<Message>>, sqlx::Error> {
        let asked = Instant::now();
        let rows = answered(ANSWER, self.outbox.exchange(exchange)).await?;
        self.heard = asked;
        Ok(rows)
    }

    pub(crate) async fn remembered(&mut self) -> Result<Option<Remembered>, sqlx::Error> {
        answered(ANSWER, self.outbox.remembered()).await
    }

    pub(crate) async fn remember(&mut self, stream: &Remembered) -> Result<(), sqlx::Error> {
        answered(ANSWER, self.outbox.remember(stream)).await
    }

    /// Notes that all is to be published again; gives of how many scopes.
    pub(crate) async fn lost(&mut self, stream: &Remembered) -> Result<u64, sqlx::Error> {
        let asked = Instant::now();
        let scopes = answered(LONG_ANSWER, self.outbox.lost(stream)).await?;
        self.heard = asked;
        Ok(scopes)
    }

    /// Puts the next few of that into the outbox again; `None` where nothing is left.
    pub(crate) async fn queue_again(&mut self) -> Result<Option<u64>, sqlx::Error> {
        let asked = Instant::now();
        let rows = answered(ANSWER, self.outbox.queue_again()).await?;
        self.heard = asked;
        Ok(rows)
    }
}

/// An error where the server does not answer in time.
async fn answered<T>(
    within: Duration,
    question: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match timeout(within, question).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}
