//! One term of leadership: from getting the lock to losing it or shutting down.
//!
//! The loop is here; what it does with what comes back from NATS is in [`super::settle`].

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use trellis_proto::subject;

use super::publish::Message;
use super::schedule::{Row, Schedule};
use super::session::Session;
use super::settle::{Done, Published};
use super::sides::{Broker, Database, Exchange};
use super::stream::Remembered;
use super::watch::StreamWatch;

/// The outbox is read this often even where no commit of this process says so: other replicas
/// commit too.
const POLL: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Rows of one reading.
const BATCH: usize = 256;
/// How long publishing may go on after the shutdown has begun.
const DRAIN: Duration = Duration::from_secs(5);

pub(crate) enum End {
    Shutdown,
    /// The session, and with it the lock.
    Lost(sqlx::Error),
}

pub(crate) struct Term<'a, D: Database, B> {
    pub(super) database: &'a D,
    pub(super) session: Session<D::Outbox>,
    broker: B,
    pub(super) schedule: Schedule<Message>,
    /// Aborted when the term ends: nothing is published by who lost the lock.
    pub(super) running: JoinSet<Done>,
    pub(super) remembered: Option<Remembered>,
    pub(super) watch: StreamWatch,
    /// Whether there may be something to publish again.
    pub(super) republishes: bool,
    /// Whether there may be rows that can be taken and were not read yet.
    unread: bool,
}

impl<'a, D: Database, B: Broker> Term<'a, D, B> {
    pub(crate) fn new(database: &'a D, session: Session<D::Outbox>, broker: B) -> Self {
        Self {
            database,
            session,
            broker,
            schedule: Schedule::new(),
            running: JoinSet::new(),
            remembered: None,
            watch: StreamWatch::new(Instant::now()),
            // Whoever led before may not have come to its end.
            republishes: true,
            unread: true,
        }
    }

    pub(crate) async fn run(mut self, shutdown: &CancellationToken) -> End {
        // Noting what is to be published again may take longer than anybody waits for a process that stops.
        let overdue = async {
            shutdown.cancelled().await;
            sleep(DRAIN).await;
        };
        let led = tokio::select! {
            biased;
            led = self.lead(shutdown) => led,
            () = overdue => return End::Shutdown,
        };
        match led {
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
            // What comes seldom comes first: so nothing starves, and a seeded run does not depend on other chances.
            tokio::select! {
                biased;
                _ = heartbeat.tick() => {
                    self.beat().await?;
                    exchange = false;
                }
                () = shutdown.cancelled(), if drain_until.is_none() => {
                    drain_until = Some(Instant::now() + DRAIN);
                }
                _ = poll.tick() => {
                    self.look_when_due();
                    self.unread = true;
                    if drain_until.is_none() {
                        self.publish_again().await?;
                    }
                }
                Some(done) = self.running.join_next() => {
                    // A process that stood still may have lost the lock meanwhile.
                    if !self.session.is_fresh(Instant::now()) {
                        self.beat().await?;
                    }
                    exchange = self.settle(done).await?;
                    while let Some(done) = self.running.try_join_next() {
                        exchange |= self.settle(done).await?;
                    }
                }
                () = self.database.committed() => self.unread = true,
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
        metrics::gauge!("trellis_outbox_lag_seconds", "context" => self.database.context()).set(lag);
        Ok(())
    }

    /// Deletes what is stored, reads what is there, starts what is free; gives whether more may be
    /// there.
    async fn exchange(&mut self) -> Result<bool, sqlx::Error> {
        // A long outbox is mostly of scopes that are busy: it is not looked through for each row that was stored.
        self.unread |= self.schedule.take_freed();
        let reads = self.unread && self.may_publish();
        let limit = if reads { BATCH.min(self.schedule.room()) } else { 0 };
        let acked = self.schedule.acked();
        if limit == 0 && acked.is_empty() {
            return Ok(true);
        }
        let busy = self.schedule.busy(Instant::now());
        let last = self.remembered.as_ref();
        let exchange = Exchange { acked: &acked, busy: &busy, limit, last };
        let rows = self.session.exchange(&exchange).await?;
        self.schedule.deleted(&acked);
        let left = limit == 0 || !rows.is_empty();
        if limit > 0 {
            self.unread = rows.len() == limit;
        }
        for row in self.schedule.offer(rows, Instant::now()) {
            self.publish(row);
        }
        Ok(left)
    }

    /// Queues a little of what the stream has lost, where little waits: at each tick, which bounds what it costs
    /// whoever is at work (200 events a second), however much there is and however often it is lost.
    async fn publish_again(&mut self) -> Result<(), sqlx::Error> {
        if self.republishes && self.may_publish() {
            let rows = self.session.queue_again().await?;
            self.republishes = rows.is_some();
            let context = self.database.context();
            metrics::counter!("trellis_outbox_requeued_total", "context" => context)
                .increment(rows.unwrap_or_default());
        }
        Ok(())
    }

    pub(super) fn publish(&mut self, row: Row<Message>) {
        let broker = self.broker.clone();
        let subject = subject::of(self.database.context(), row.scope);
        let published = Published {
            scope: row.scope,
            event: row.message.event,
            kind: row.message.kind.clone(),
            connection: self.broker.connection(),
            floor: self.remembered.as_ref().map_or(0, |stream| stream.last_seq),
        };
        self.running.spawn(async move {
            let outcome = broker.publish(subject, row.message).await;
            Done::Published { row: published, outcome }
        });
    }

    pub(super) fn make_room(&mut self) {
        let broker = self.broker.clone();
        self.running.spawn(async move { Done::MadeRoom(broker.make_room().await) });
    }

    pub(super) fn may_publish(&self) -> bool {
        self.watch.may_publish(self.broker.connection())
    }

    /// Whether what was published on that connection went into the stream that is known to be intact.
    pub(super) fn counts(&self, connection: Option<u64>) -> bool {
        self.broker.connection() == connection && self.watch.may_publish(connection)
    }

    fn look_when_due(&mut self) {
        let (connection, now) = (self.broker.connection(), Instant::now());
        if connection.is_none() {
            self.say_that_events_wait("not connected to NATS");
        }
        if self.watch.start_look(connection, now) {
            let broker = self.broker.clone();
            // What was found is compared with this, not with what is acknowledged meanwhile.
            let remembered = self.remembered.clone();
            self.running.spawn(async move {
                let at = remembered.as_ref().map(|stream| stream.last_seq);
                Done::Looked { remembered, found: broker.look(at).await }
            });
        }
    }

    pub(super) fn say_that_events_wait(&mut self, reason: &str) {
        if self.watch.should_say(Instant::now()) {
            let context = self.database.context();
            tracing::warn!(context, reason, "events wait in the outbox for NATS");
        }
    }
}
