//! The log itself: starting writes, reading events back.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Row as _, Transaction};
use tokio::sync::Notify;
use tokio::time::sleep;
use trellis_proto::event::v1::{Event, Position};
use uuid::Uuid;

use crate::pool::{RETRY, Waiting};
use crate::queue::WriterQueue;
use crate::reads::Reads;
use crate::{Connection, Reader, Unlogged, Write, is_outage, wall};

/// Most events of one page.
const MAX_PAGE: u32 = 500;

/// The event log of one service's database. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
    /// Whose rows its transactions may touch, where the tables have row-level security.
    tenant: Option<Uuid>,
}

struct Inner {
    pool: PgPool,
    context: &'static str,
    epoch: Uuid,
    writers: WriterQueue,
    reads: Reads,
    /// Wakes the relay of this process after a commit.
    committed: Notify,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("no such scope")]
    NoScope,
    /// Too many writers wait already: answer `unavailable`.
    #[error("too many writes are waiting")]
    Busy,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A stretch of one scope's events.
#[derive(Debug, Clone)]
pub struct Page {
    /// In order of `seq`, from `after + 1` (or from what is still kept).
    pub events: Vec<Event>,
    pub head: u64,
    /// Every event with a higher number than this is still kept.
    pub oldest: u64,
}

impl Log {
    /// `context` is the service's word in subjects: `trellis.<context>.<scope>`. `writers`: how many writes may hold
    /// a connection at once (fewer than the pool has, so that reads always find one); others wait in a bounded queue.
    pub async fn open(pool: PgPool, context: &'static str, writers: usize) -> Result<Self, LogError> {
        let mut waiting = Waiting::new();
        let epoch = loop {
            match sqlx::query_scalar("SELECT epoch FROM log_epoch").fetch_one(&pool).await {
                // At the start there is nobody yet to whom that could be said: it is waited for.
                Err(error) if is_outage(&error) => {
                    if waiting.should_say() {
                        tracing::warn!(context, %error, "waiting for the database");
                    }
                    sleep(RETRY).await;
                }
                answer => break answer?,
            }
        };
        let (reads, writers) = (Reads::of(&pool), WriterQueue::new(writers));
        let inner = Inner { pool, context, epoch, writers, reads, committed: Notify::new() };
        Ok(Self { inner: Arc::new(inner), tenant: None })
    }

    /// The same log for the rows of one organization: what is begun with it can touch no others.
    #[must_use]
    pub fn of(&self, tenant: Uuid) -> Self {
        Self { tenant: Some(tenant), ..self.clone() }
    }

    /// A connection that reads the rows of one organization, in a transaction.
    pub async fn reader(&self, tenant: Uuid) -> Result<Reader, sqlx::Error> {
        Reader::begin(self.connection().await?, tenant).await
    }

    /// A connection for reading. Who holds one must not wait for another.
    pub async fn connection(&self) -> Result<Connection, sqlx::Error> {
        self.inner.reads.enter(&self.inner.pool).await
    }

    /// For work in the background that asks for one connection at a time: whoever answers somebody, and so may be one of
    /// a crowd, takes a [`connection`](Self::connection).
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    pub fn epoch(&self) -> Uuid {
        self.inner.epoch
    }

    /// The service's word in subjects.
    pub fn context(&self) -> &'static str {
        self.inner.context
    }

    /// Waits for a place, begins a transaction and takes the scope's lock and next number.
    ///
    /// Who holds a [`Write`] must not begin another: with all places taken by such, none would ever be free.
    pub async fn begin(&self, scope: Uuid) -> Result<Write, LogError> {
        self.begin_with(scope, "UPDATE scopes SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq").await
    }

    /// The same for a scope that is made by this write (its first event has number 1).
    pub async fn begin_new(&self, scope: Uuid) -> Result<Write, LogError> {
        self.begin_with(scope, "INSERT INTO scopes (id, last_seq) VALUES ($1, 1) RETURNING last_seq").await
    }

    /// The same for a scope that may not be there yet (a user whom nothing has happened to).
    pub async fn begin_or_new(&self, scope: Uuid) -> Result<Write, LogError> {
        self.begin_with(
            scope,
            "INSERT INTO scopes AS s (id, last_seq) VALUES ($1, 1) \
             ON CONFLICT (id) DO UPDATE SET last_seq = s.last_seq + 1 RETURNING last_seq",
        )
        .await
    }

    /// A transaction that is no event (a login): it only takes a place in the same queue.
    pub async fn begin_unlogged(&self) -> Result<Unlogged, LogError> {
        let place = self.inner.writers.enter(None).await?;
        let (pool, begin) = (self.inner.pool.clone(), wall::begin(self.tenant));
        let tx = uncancelled(async move { pool.begin_with(begin).await }).await?;
        Ok(Unlogged::new(tx, place))
    }

    async fn begin_with(&self, scope: Uuid, take_number: &'static str) -> Result<Write, LogError> {
        let place = self.inner.writers.enter(Some(scope)).await?;
        let log = self.clone();
        uncancelled(async move {
            let begin = wall::begin(log.tenant);
            let mut tx: Transaction<'static, Postgres> = log.inner.pool.begin_with(begin).await?;
            let taken = sqlx::query_scalar(take_number).bind(scope).fetch_optional(&mut *tx).await;
            let seq: i64 = match taken {
                Ok(Some(seq)) => seq,
                Ok(None) => return Err(LogError::NoScope),
                Err(error) if gave_up_waiting(&error) => return Err(LogError::Busy),
                Err(error) => return Err(error.into()),
            };
            Ok(Write::new(log, tx, place, scope, seq))
        })
        .await
    }

    /// A place in the order of a scope, as clients keep it.
    pub fn position(&self, scope: Uuid, seq: i64) -> Position {
        Position { epoch: self.inner.epoch.to_string(), scope: scope.to_string(), seq: unsigned(seq) }
    }

    /// At most `limit` (1–500) events after a number.
    pub async fn read(&self, scope: Uuid, after: u64, limit: u32) -> Result<Page, LogError> {
        // One statement, so that head, low-water mark and events are of the same moment. The outer join gives a
        // scope without such events one row, whose event columns are null.
        let rows = sqlx::query(
            "SELECT s.last_seq, s.low_water, e.seq, e.id, e.kind, e.actor_id, e.subject_id, e.occurred_at, e.payload, \
                    e.traceparent \
             FROM scopes s LEFT JOIN LATERAL ( \
                 SELECT * FROM event_log l \
                 WHERE l.scope = s.id AND l.seq > GREATEST($2, s.low_water) ORDER BY l.seq LIMIT $3 \
             ) e ON true \
             WHERE s.id = $1 ORDER BY e.seq",
        )
        .bind(scope)
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(&mut *self.connection().await?)
        .await?;
        let first = rows.first().ok_or(LogError::NoScope)?;
        let (head, oldest) = (unsigned(first.try_get("last_seq")?), unsigned(first.try_get("low_water")?));
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(seq) = row.try_get::<Option<i64>, _>("seq")? else {
                continue;
            };
            events.push(self.event(scope, seq, row)?);
        }
        Ok(Page { events, head, oldest })
    }

    /// Where scopes stand; those that do not exist are left out.
    pub async fn heads(&self, scopes: &[Uuid]) -> Result<Vec<(Uuid, u64)>, LogError> {
        let rows: Vec<(Uuid, i64)> = sqlx::query_as("SELECT id, last_seq FROM scopes WHERE id = ANY($1)")
            .bind(scopes)
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(rows.into_iter().map(|(scope, seq)| (scope, unsigned(seq))).collect())
    }

    /// The message of a row with the columns of `event_log`.
    pub(crate) fn event(&self, scope: Uuid, seq: i64, row: &sqlx::postgres::PgRow) -> Result<Event, sqlx::Error> {
        let occurred_at: DateTime<Utc> = row.try_get("occurred_at")?;
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        Ok(Event {
            epoch: self.inner.epoch.to_string(),
            scope: scope.to_string(),
            seq: unsigned(seq),
            id: row.try_get::<Uuid, _>("id")?.to_string(),
            kind: row.try_get("kind")?,
            actor_id: text(row.try_get("actor_id")?),
            subject_id: text(row.try_get("subject_id")?),
            occurred_at: Some(prost_types::Timestamp {
                seconds: occurred_at.timestamp(),
                nanos: i32::try_from(occurred_at.timestamp_subsec_nanos()).unwrap_or_default(),
            }),
            payload: row.try_get("payload")?,
            traceparent: row.try_get("traceparent")?,
        })
    }

    /// Tells the relay of this process that there is something to publish.
    pub(crate) fn wake_relay(&self) {
        self.inner.committed.notify_one();
    }

    /// Until [`Log::wake_relay`] is called; at once where it was called meanwhile.
    pub(crate) async fn committed(&self) {
        self.inner.committed.notified().await;
    }
}

/// Runs to its end even where the caller is cancelled: sqlx 0.9 leaks an open transaction into the pool when
/// `begin()` is cancelled (#4385). What it gives to nobody is dropped, and so rolled back.
async fn uncancelled<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, LogError>
where
    T: Send + 'static,
    E: Into<LogError> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result.map_err(Into::into),
        // It panicked, or the runtime ends.
        Err(_) => Err(LogError::Database(sqlx::Error::WorkerCrashed)),
    }
}

/// Whether a statement ran into `statement_timeout` or `lock_timeout` while others held what it needs.
pub(crate) fn gave_up_waiting(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("57014" | "55P03"))
}

/// Numbers in the tables are never negative (`CHECK`).
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
