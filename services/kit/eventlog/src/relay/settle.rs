//! What comes back from NATS, and what it means for the term: acknowledgements, failures, the
//! state of the stream.

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use super::publish::Outcome;
use super::schedule::Schedule;
use super::sides::{Broker, Database};
use super::stream::{self, Observed, Remembered, Verdict};
use super::term::Term;

/// What ran beside the term's loop.
pub(crate) enum Done {
    Published { row: Published, outcome: Outcome },
    MadeRoom(Result<u64, async_nats::Error>),
    Looked { remembered: Option<Remembered>, found: Result<Observed, async_nats::Error> },
}

/// Which row was published.
pub(crate) struct Published {
    pub(crate) scope: Uuid,
    pub(crate) event: Uuid,
    pub(crate) kind: String,
    /// The connection on which it was published.
    pub(crate) connection: Option<u64>,
    /// The stream was at least this long before: what is stored after has a higher number.
    pub(crate) floor: u64,
}

impl<D: Database, B: Broker> Term<'_, D, B> {
    /// Takes in what is done; gives whether the outbox should be read.
    pub(super) async fn settle(&mut self, done: Result<Done, JoinError>) -> Result<bool, sqlx::Error> {
        match done {
            Ok(Done::Published { row, outcome }) => Ok(self.published(&row, outcome)),
            Ok(Done::Looked { remembered, found: Ok(observed) }) => {
                self.judge(remembered.as_ref(), &observed).await?;
                Ok(true)
            }
            Ok(Done::Looked { found: Err(error), .. }) => {
                self.watch.unreachable(Instant::now());
                self.say_that_events_wait(&error.to_string());
                Ok(true)
            }
            Ok(Done::MadeRoom(Ok(0))) => {
                self.say_that_events_wait("NATS is full of what is not Trellis's");
                Ok(false)
            }
            Ok(Done::MadeRoom(Ok(removed))) => {
                let context = self.database.context();
                tracing::warn!(context, removed, "NATS was full: the older half of its stream was removed");
                self.schedule.wake_all();
                Ok(true)
            }
            Ok(Done::MadeRoom(Err(error))) => {
                self.say_that_events_wait(&format!("NATS is full, and no room can be made: {error}"));
                Ok(false)
            }
            // It panicked, and nobody knows any more which scope it was: begin again.
            Err(error) => {
                tracing::error!(%error, "a publishing task failed");
                self.forget_work();
                self.watch.given_up(Instant::now());
                Ok(true)
            }
        }
    }

    fn published(&mut self, row: &Published, outcome: Outcome) -> bool {
        let (context, now) = (self.database.context(), Instant::now());
        match outcome {
            Outcome::Stored { seq, again } => {
                if !self.acknowledged(row, seq, again) {
                    self.schedule.failed(row.scope, now);
                    return false;
                }
                metrics::counter!("trellis_outbox_published_total", "context" => context).increment(1);
            }
            Outcome::TooLarge => {
                // It would stand in its scope's way for ever. Subscribers notice the hole and read
                // the event from the service.
                let (event, kind) = (row.event, &row.kind);
                tracing::error!(context, %event, kind, "an event is too large for NATS");
            }
            Outcome::NoStream => {
                self.schedule.failed(row.scope, now);
                self.watch.distrust(now);
                return false;
            }
            Outcome::Full => {
                self.failed(row, "NATS is full");
                if self.watch.should_make_room(now) {
                    self.make_room();
                }
                return false;
            }
            Outcome::Failed(reason) => {
                self.failed(row, &reason);
                // Where anybody subscribes to the subject, a missing stream is only silence.
                self.watch.doubt(now);
                return false;
            }
        }
        match self.schedule.stored(row.scope) {
            Some(next) if self.may_publish() => {
                self.publish(next);
                false
            }
            Some(next) => {
                self.schedule.failed(next.scope, now);
                false
            }
            None => true,
        }
    }

    fn failed(&mut self, row: &Published, reason: &str) {
        let context = self.database.context();
        metrics::counter!("trellis_outbox_publish_failures_total", "context" => context).increment(1);
        tracing::debug!(context, event = %row.event, reason, "could not publish");
        self.schedule.failed(row.scope, Instant::now());
    }

    /// Whether the acknowledgement counts: the row may go.
    fn acknowledged(&mut self, row: &Published, seq: u64, again: bool) -> bool {
        // The client sends on a new connection what it could not send before. If the stream went back in between, the
        // look that follows must not find what came after remembered. The row is published again, and is known then.
        if !self.counts(row.connection) {
            return false;
        }
        if !again && seq <= row.floor {
            tracing::warn!(context = self.database.context(), seq, row.floor, "the stream went back");
            // What is remembered stays as it is, so that the look that follows sees the difference.
            self.watch.distrust(Instant::now());
            return false;
        }
        if let Some(stream) = &mut self.remembered
            && seq > stream.last_seq
        {
            stream.last_seq = seq;
            stream.last_event = Some(row.event);
        }
        true
    }

    /// The stream as it was found, against what was remembered when it was looked at.
    async fn judge(&mut self, remembered: Option<&Remembered>, observed: &Observed) -> Result<(), sqlx::Error> {
        // With the event at its end: a stream that goes back before anything new is acknowledged is noticed by it.
        let Observed { created, last_seq, last_event, .. } = *observed;
        let anew = Remembered { created, last_seq, last_event };
        match stream::compare(remembered, observed) {
            Verdict::Intact => {}
            Verdict::First => {
                self.session.remember(&anew).await?;
                self.remembered = Some(anew);
            }
            Verdict::Lost => {
                self.forget_work();
                let scopes = self.session.lost(&anew).await?;
                self.remembered = Some(anew);
                self.republishes = true;
                let context = self.database.context();
                tracing::warn!(context, scopes, "NATS lost events: what is kept is published again, little by little");
            }
        }
        if self.watch.intact() {
            self.schedule.wake_all();
        }
        Ok(())
    }

    /// Drops everything in flight; what was not deleted is read again.
    fn forget_work(&mut self) {
        self.running = JoinSet::new();
        self.schedule = Schedule::new();
    }
}
