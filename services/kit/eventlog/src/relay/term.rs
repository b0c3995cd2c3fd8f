//! One term of leadership: from getting the lock to losing it or shutting down.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use trellis_proto::subject;
use uuid::Uuid;

use super::publish::{self, Message, Outcome};
use super::schedule::{Row, Schedule};
use super::session::{Exchange, Session};
use super::stream::{self, Observed, Remembered, Verdict};
use crate::Log;

/// The outbox is read this often even where no commit of this process says so: other replicas commit too.
const POLL: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Rows of one reading.
const BATCH: usize = 256;
/// The stream is looked at this often, besides after every reconnect and everything odd.
const LOOK: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the log says what the relay waits for.
const SAY: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(5);

pub(crate) enum End {
    Shutdown,
    /// The session, and with it the lock.
    Lost(sqlx::Error),
}

/// What runs beside the loop.
enum Done {
    Published { row: Published, outcome: Outcome },
    Looked(Result<Observed, async_nats::Error>),
}

struct Published {
    scope: Uuid,
    event: Uuid,
    kind: String,
    /// The stream was at least this long before: what is stored after has a higher number.
    floor: u64,
}

pub(crate) struct Term<'a> {
    log: &'a Log,
    session: Session,
    jetstream: Context,
    schedule: Schedule<Message>,
    /// Aborted when the term ends: nothing is published by who lost the lock.
    running: JoinSet<Done>,
    remembered: Option<Remembered>,
    /// The connection to NATS (counted) on which the stream was found intact. Nothing is published on another.
    intact_on: Option<u64>,
    looking_on: Option<u64>,
    look_at: Instant,
    say_at: Instant,
}

impl<'a> Term<'a> {
    pub(crate) fn new(log: &'a Log, session: Session, jetstream: Context) -> Self {
        let now = Instant::now();
        Self {
            log,
            session,
            jetstream,
            schedule: Schedule::new(),
            running: JoinSet::new(),
            remembered: None,
            intact_on: None,
            looking_on: None,
            look_at: now,
            say_at: now + Duration::from_secs(1),
        }
    }

    pub(crate) async fn run(mut self, shutdown: &CancellationToken) -> End {
        match self.lead(shutdown).await {
            Ok(()) => {
                self.running.abort_all();
                self.session.close().await;
                End::Shutdown
            }
            Err(error) => End::Lost(error),
        }
    }

    async fn lead(&mut self, shutdown: &CancellationToken) -> Result<(), sqlx::Error> {
        self.remembered = self.session.remembered().await?;
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drain_until = None;
        loop {
            let mut exchange = true;
            tokio::select! {
                Some(done) = self.running.join_next() => {
                    if !self.session.is_fresh(Instant::now()) {
                        self.beat().await?;
                    }
                    exchange = self.settle(done).await?;
                    while let Some(done) = self.running.try_join_next() {
                        exchange |= self.settle(done).await?;
                    }
                }
                () = self.log.committed() => {}
                _ = poll.tick() => self.look_when_due(),
                _ = heartbeat.tick() => {
                    self.beat().await?;
                    exchange = false;
                }
                () = shutdown.cancelled(), if drain_until.is_none() => drain_until = Some(Instant::now() + DRAIN),
            }
            let left = if exchange { self.exchange().await? } else { true };
            if let Some(until) = drain_until {
                let drained = !left && self.schedule.is_idle();
                if drained || !self.may_publish() || Instant::now() >= until {
                    return Ok(());
                }
            }
        }
    }

    async fn beat(&mut self) -> Result<(), sqlx::Error> {
        let lag = self.session.beat().await?;
        metrics::gauge!("trellis_outbox_lag_seconds", "context" => self.log.context()).set(lag);
        Ok(())
    }

    /// Deletes what is stored, reads what is there, starts what is free; gives whether anything was there.
    async fn exchange(&mut self) -> Result<bool, sqlx::Error> {
        let limit = if self.may_publish() { BATCH.min(self.schedule.room()) } else { 0 };
        let acked = self.schedule.acked();
        if limit == 0 && acked.is_empty() {
            return Ok(true);
        }
        let busy = self.schedule.busy(Instant::now());
        let exchange = Exchange { acked: &acked, busy: &busy, limit, last: self.remembered.as_ref() };
        let rows = self.session.exchange(self.log, &exchange).await?;
        self.schedule.deleted(&acked);
        let left = !rows.is_empty() || limit == 0;
        for row in self.schedule.offer(rows, Instant::now()) {
            self.publish(row);
        }
        Ok(left)
    }

    fn publish(&mut self, row: Row<Message>) {
        let jetstream = self.jetstream.clone();
        let subject = subject::of(self.log.context(), row.scope);
        let published = Published {
            scope: row.scope,
            event: row.message.event,
            kind: row.message.kind.clone(),
            floor: self.remembered.as_ref().map_or(0, |stream| stream.last_seq),
        };
        self.running.spawn(async move {
            let outcome = publish::publish(&jetstream, subject, row.message).await;
            Done::Published { row: published, outcome }
        });
    }

    /// Takes in what is done; gives whether the outbox should be read.
    async fn settle(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<bool, sqlx::Error> {
        match done {
            Ok(Done::Published { row, outcome }) => Ok(self.published(&row, outcome)),
            Ok(Done::Looked(found)) => {
                let on = self.looking_on.take();
                match found {
                    Ok(observed) => self.judge(observed, on).await?,
                    Err(error) => {
                        self.look_at = Instant::now() + LOOK_AGAIN;
                        self.no_stream(&error.to_string());
                    }
                }
                Ok(true)
            }
            // It panicked, and with it went which scope it was: end the term's work and begin again from the outbox.
            Err(error) => {
                tracing::error!(%error, "a publishing task failed");
                self.forget_work();
                Ok(true)
            }
        }
    }

    fn published(&mut self, row: &Published, outcome: Outcome) -> bool {
        let context = self.log.context();
        match outcome {
            Outcome::Stored { seq, again } => {
                metrics::counter!("trellis_outbox_published_total", "context" => context).increment(1);
                self.acknowledged(row, seq, again);
            }
            Outcome::TooLarge => {
                // It would stand in its scope's way for ever. Subscribers notice the hole and read it from the service.
                tracing::error!(context, event = %row.event, kind = row.kind, "an event is too large for NATS");
            }
            Outcome::NoStream => {
                self.schedule.failed(row.scope, Instant::now());
                self.distrust();
                return false;
            }
            Outcome::Failed(reason) => {
                metrics::counter!("trellis_outbox_publish_failures_total", "context" => context).increment(1);
                tracing::debug!(context, event = %row.event, reason, "could not publish");
                self.schedule.failed(row.scope, Instant::now());
                return false;
            }
        }
        match self.schedule.stored(row.scope) {
            Some(next) if self.may_publish() => {
                self.publish(next);
                false
            }
            Some(next) => {
                self.schedule.failed(next.scope, Instant::now());
                false
            }
            None => true,
        }
    }

    fn acknowledged(&mut self, row: &Published, seq: u64, again: bool) {
        if !again && seq <= row.floor {
            tracing::warn!(context = self.log.context(), seq, floor = row.floor, "the stream went back");
            // `remembered` stays as it is, so that the look that follows sees the difference.
            self.distrust();
        } else if let Some(stream) = &mut self.remembered
            && seq > stream.last_seq
        {
            stream.last_seq = seq;
            stream.last_event = Some(row.event);
        }
    }

    /// Publishes nothing more before the stream was looked at.
    fn distrust(&mut self) {
        self.intact_on = None;
        self.look_at = Instant::now();
    }

    fn may_publish(&self) -> bool {
        self.intact_on.is_some() && self.intact_on == self.connection()
    }

    /// Which connection to NATS there is now, if any.
    fn connection(&self) -> Option<u64> {
        let client = self.jetstream.client();
        let connected = client.connection_state() == State::Connected;
        connected.then(|| client.statistics().connects.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn look_when_due(&mut self) {
        let now = Instant::now();
        let connection = self.connection();
        if connection.is_none() {
            self.look_at = now;
            self.no_stream("not connected to NATS");
            return;
        }
        // A new connection is looked at without delay.
        let due = now >= self.look_at || (self.intact_on.is_some() && self.intact_on != connection);
        if due && self.looking_on.is_none() {
            self.look_at = now + LOOK;
            self.looking_on = connection;
            let jetstream = self.jetstream.clone();
            let at = self.remembered.as_ref().map(|stream| stream.last_seq);
            self.running.spawn(async move { Done::Looked(stream::look(&jetstream, at).await) });
        }
    }

    fn no_stream(&mut self, reason: &str) {
        self.intact_on = None;
        let now = Instant::now();
        if now >= self.say_at {
            self.say_at = now + SAY;
            tracing::warn!(context = self.log.context(), reason, "events wait in the outbox for NATS");
        }
    }

    /// What was looked at on a connection, against what is remembered.
    async fn judge(&mut self, observed: Observed, on: Option<u64>) -> Result<(), sqlx::Error> {
        let verdict = stream::compare(self.remembered.as_ref(), &observed);
        let anew = Remembered { created: observed.created, last_seq: observed.last_seq, last_event: None };
        match verdict {
            Verdict::Intact => {}
            Verdict::First => {
                self.session.remember(&anew).await?;
                self.remembered = Some(anew);
            }
            Verdict::Lost => {
                self.forget_work();
                let events = self.session.queue_all().await?;
                self.session.remember(&anew).await?;
                self.remembered = Some(anew);
                let context = self.log.context();
                tracing::warn!(context, events, "NATS lost the stream or its end: publishing what is kept again");
                metrics::counter!("trellis_outbox_requeued_total", "context" => context).increment(events);
            }
        }
        if self.intact_on.is_none() {
            self.schedule.wake_all();
        }
        self.intact_on = on;
        Ok(())
    }

    /// Drops everything in flight; what was not deleted is read again.
    fn forget_work(&mut self) {
        self.running = JoinSet::new();
        self.schedule = Schedule::new();
        self.looking_on = None;
    }
}
