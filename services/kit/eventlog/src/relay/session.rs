//! The relay's own database session: it holds the lock that makes a leader, and reads and empties the outbox.
//!
//! Whatever a leader does to the outbox goes over the session that has the lock, so that who lost the lock can do
//! nothing any more. The server ends the session when it is silent for 5 s: a stopped process loses its leadership.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message as _;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Postgres, Row as _, Transaction};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::publish::Message;
use super::schedule::Row;
use super::stream::{MAX_AGE, Remembered};
use crate::log::unsigned;
use crate::{Log, pool};

/// The advisory lock of the leader (two-number locks are apart from the one-number locks of idempotency keys).
const LEADING: (i32, i32) = (0x7472, 2);
/// An answer that takes longer is taken for none. With [`FRESH`] it stays below the server's 5 s.
const ANSWER: Duration = Duration::from_secs(3);
/// After so long without an answer the lock may be another's.
const FRESH: Duration = Duration::from_secs(4);
/// Queueing everything again takes long statements; `begin_long` allows the server as much.
const LONG_ANSWER: Duration = Duration::from_mins(1);

pub(crate) struct Session {
    connection: PgConnection,
    /// When the last question that was answered was asked.
    heard: Instant,
}

/// What to tell the outbox, and what not to read from it.
pub(crate) struct Exchange<'a> {
    pub(crate) acked: &'a [i64],
    pub(crate) busy: &'a [Uuid],
    pub(crate) limit: usize,
    /// The highest number in the stream that was acknowledged.
    pub(crate) last: Option<&'a Remembered>,
}

impl Session {
    pub(crate) async fn connect(url: &SecretString) -> Result<Self, sqlx::Error> {
        let asked = Instant::now();
        let connection = answered(ANSWER, PgConnection::connect_with(&options(url)?)).await?;
        Ok(Self { connection, heard: asked })
    }

    /// Gives the lock back at once.
    pub(crate) async fn close(self) {
        timeout(ANSWER, self.connection.close()).await.ok();
    }

    /// Whether the server cannot have ended the session for its silence.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.heard) < FRESH
    }

    /// Whether this session leads now.
    pub(crate) async fn try_lead(&mut self) -> Result<bool, sqlx::Error> {
        let asked = Instant::now();
        let query = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)").bind(LEADING.0).bind(LEADING.1);
        let leads = answered(ANSWER, query.fetch_one(&mut self.connection)).await?;
        self.heard = asked;
        Ok(leads)
    }

    /// A sign of life; gives how long the oldest row waits.
    pub(crate) async fn beat(&mut self) -> Result<f64, sqlx::Error> {
        let asked = Instant::now();
        let query = sqlx::query_scalar(
            "SELECT COALESCE((SELECT EXTRACT(EPOCH FROM clock_timestamp() - queued_at)::float8 \
                              FROM outbox ORDER BY id LIMIT 1), 0)",
        );
        let seconds = answered(ANSWER, query.fetch_one(&mut self.connection)).await?;
        self.heard = asked;
        Ok(seconds)
    }

    /// Deletes what was acknowledged and reads what is there: one statement, as this is all that the relay costs the
    /// database per batch. Never with a cursor, because rows commit out of order.
    pub(crate) async fn exchange(
        &mut self,
        log: &Log,
        exchange: &Exchange<'_>,
    ) -> Result<Vec<Row<Message>>, sqlx::Error> {
        let asked = Instant::now();
        let query = sqlx::query(
            "WITH gone AS (DELETE FROM outbox WHERE id = ANY($1)), \
             seen AS (UPDATE relay_stream SET last_seq = $2, last_event = $3 WHERE last_seq < $2) \
             SELECT o.id AS outbox_id, o.scope, e.seq, e.id, e.kind, e.actor_id, e.subject_id, e.occurred_at, \
                    e.payload, e.traceparent \
             FROM (SELECT id, scope, seq FROM outbox \
                   WHERE id <> ALL($1) AND scope <> ALL($4) ORDER BY id LIMIT $5) o \
             JOIN event_log e ON e.scope = o.scope AND e.seq = o.seq ORDER BY o.id",
        )
        .bind(exchange.acked)
        .bind(exchange.last.map_or(0, |last| signed(last.last_seq)))
        .bind(exchange.last.and_then(|last| last.last_event))
        .bind(exchange.busy)
        .bind(i64::try_from(exchange.limit).unwrap_or(i64::MAX));
        let rows = answered(ANSWER, query.fetch_all(&mut self.connection)).await?;
        self.heard = asked;
        rows.iter().map(|row| outbox_row(log, row)).collect()
    }

    pub(crate) async fn remembered(&mut self) -> Result<Option<Remembered>, sqlx::Error> {
        let query = sqlx::query_as("SELECT created_at, last_seq, last_event FROM relay_stream");
        let row: Option<(DateTime<Utc>, i64, Option<Uuid>)> =
            answered(ANSWER, query.fetch_optional(&mut self.connection)).await?;
        Ok(row.map(|(created, last_seq, last_event)| Remembered { created, last_seq: unsigned(last_seq), last_event }))
    }

    pub(crate) async fn remember(&mut self, stream: &Remembered) -> Result<(), sqlx::Error> {
        let query = sqlx::query(
            "INSERT INTO relay_stream (created_at, last_seq, last_event) VALUES ($1, $2, $3) \
             ON CONFLICT (only_row) DO UPDATE SET created_at = $1, last_seq = $2, last_event = $3",
        )
        .bind(stream.created)
        .bind(signed(stream.last_seq))
        .bind(stream.last_event);
        answered(ANSWER, query.execute(&mut self.connection)).await?;
        Ok(())
    }

    /// Puts everything that the stream should hold into the outbox again, scope by scope; gives how many rows.
    pub(crate) async fn queue_all(&mut self) -> Result<u64, sqlx::Error> {
        let scopes = answered(LONG_ANSWER, recent_scopes(&mut self.connection)).await?;
        let mut queued = 0;
        for scope in scopes {
            let asked = Instant::now();
            queued += answered(LONG_ANSWER, queue_scope(&mut self.connection, scope)).await?;
            self.heard = asked;
        }
        Ok(queued)
    }
}

async fn recent_scopes(connection: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut tx = begin_long(connection).await?;
    let scopes = sqlx::query_scalar("SELECT DISTINCT scope FROM event_log WHERE occurred_at > now() - $1")
        .bind(MAX_AGE)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(scopes)
}

/// The rows that wait already are taken out and put behind the older ones, under the scope's lock: nobody can append
/// meanwhile, so the order of the outbox is the order of numbers again.
async fn queue_scope(connection: &mut PgConnection, scope: Uuid) -> Result<u64, sqlx::Error> {
    let mut tx = begin_long(connection).await?;
    sqlx::query("SELECT FROM scopes WHERE id = $1 FOR UPDATE").bind(scope).execute(&mut *tx).await?;
    let queued = sqlx::query(
        "WITH waiting AS (DELETE FROM outbox WHERE scope = $1 RETURNING seq) \
         INSERT INTO outbox (scope, seq) SELECT scope, seq FROM event_log \
         WHERE scope = $1 AND (occurred_at > now() - $2 OR seq IN (SELECT seq FROM waiting)) ORDER BY seq",
    )
    .bind(scope)
    .bind(MAX_AGE)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(queued.rows_affected())
}

async fn begin_long(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
    Ok(tx)
}

fn options(url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
    let options = pool::options(url)?;
    let name = format!("{} relay", options.get_application_name().unwrap_or("trellis"));
    Ok(options.application_name(&name).options([
        crate::wall::OUTSIDE,
        ("idle_session_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        // The server gives up when the relay does, or a forgotten statement would keep the lock.
        ("statement_timeout", "3s"),
        // Losing a deletion in a crash only publishes again. The remembered stream is in the same statement.
        ("synchronous_commit", "off"),
        // The outbox is empty when it is analysed and full when it matters: only a loop over the rows read is right.
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ]))
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

fn outbox_row(log: &Log, row: &PgRow) -> Result<Row<Message>, sqlx::Error> {
    let scope = row.try_get("scope")?;
    let event = log.event(scope, row.try_get("seq")?, row)?;
    let message = Message {
        event: row.try_get("id")?,
        kind: event.kind.clone(),
        body: Bytes::from(event.encode_to_vec()),
        traceparent: event.traceparent,
    };
    Ok(Row { id: row.try_get("outbox_id")?, scope, message })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
