//! One write of one scope: the scope's lock, the change, the event, the commit.

use sqlx::{PgConnection, Postgres, Transaction};
use trellis_proto::event::v1::Position;
use uuid::Uuid;

use crate::log::unsigned;
use crate::queue::Place;
use crate::{Log, LogError};

/// What happened, before it has a number.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub kind: &'static str,
    pub actor: Option<Uuid>,
    /// What it is about, for filters (the task, for events of a task and its comments).
    pub subject: Option<Uuid>,
    pub payload: Vec<u8>,
}

/// A transaction that holds its scope's lock. Dropped without a commit it is rolled back, and nothing happened.
#[must_use = "dropped without a commit it is rolled back"]
pub struct Write {
    log: Log,
    // Before the place: a connection is on its way back before the next writer looks for one.
    tx: Transaction<'static, Postgres>,
    scope: Uuid,
    seq: i64,
    _place: Place,
}

impl Write {
    pub(crate) fn new(log: Log, tx: Transaction<'static, Postgres>, place: Place, scope: Uuid, seq: i64) -> Self {
        Self { log, tx, scope, seq, _place: place }
    }

    /// For the statements of the change.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The number that the event will have.
    pub fn seq(&self) -> u64 {
        unsigned(self.seq)
    }

    /// The position after this write.
    pub fn position(&self) -> Position {
        self.log.position(self.scope, self.seq)
    }

    /// Takes the content from the scope's events about a subject, but for those of one kind; their numbers stay. Gives
    /// how many had any. What was published stays in the stream until that forgets it: nobody reads it there.
    pub async fn scrub(&mut self, subject: Uuid, except: &'static str) -> Result<u64, LogError> {
        let scrubbed = sqlx::query(
            "UPDATE event_log SET payload = '' WHERE scope = $1 AND subject_id = $2 AND kind <> $3 AND payload <> ''",
        )
        .bind(self.scope)
        .bind(subject)
        .bind(except)
        .execute(&mut *self.tx)
        .await?;
        Ok(scrubbed.rows_affected())
    }

    /// Appends the event and its outbox row, commits, wakes the relay.
    pub async fn commit(mut self, event: NewEvent) -> Result<Position, LogError> {
        sqlx::query(
            "WITH event AS ( \
                 INSERT INTO event_log (scope, seq, id, kind, actor_id, subject_id, payload, traceparent) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING scope, seq \
             ) INSERT INTO outbox (scope, seq) SELECT scope, seq FROM event",
        )
        .bind(self.scope)
        .bind(self.seq)
        .bind(Uuid::now_v7())
        .bind(event.kind)
        .bind(event.actor)
        .bind(event.subject)
        .bind(event.payload)
        .bind(trellis_telemetry::traceparent())
        .execute(&mut *self.tx)
        .await?;
        self.tx.commit().await?;
        self.log.wake_relay();
        Ok(self.log.position(self.scope, self.seq))
    }

    /// Nothing to change after all: rolls back and gives the position before.
    pub async fn unchanged(self) -> Result<Position, LogError> {
        self.tx.rollback().await?;
        Ok(self.log.position(self.scope, self.seq - 1))
    }
}

/// A transaction that is no event, with its place in the queue of writers. Dropped without a commit it is rolled back.
#[must_use = "dropped without a commit it is rolled back"]
pub struct Unlogged {
    tx: Transaction<'static, Postgres>,
    _place: Place,
}

impl Unlogged {
    pub(crate) fn new(tx: Transaction<'static, Postgres>, place: Place) -> Self {
        Self { tx, _place: place }
    }

    /// For its statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub async fn commit(self) -> Result<(), LogError> {
        Ok(self.tx.commit().await?)
    }

    /// As dropping does, but done when this returns.
    pub async fn rollback(self) -> Result<(), LogError> {
        Ok(self.tx.rollback().await?)
    }
}
