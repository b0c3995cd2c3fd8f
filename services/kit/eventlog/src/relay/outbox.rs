//! The outbox in PostgreSQL, over the relay's own session: all SQL of the relay.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message as _;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::publish::Message;
use super::schedule::Row;
use super::sides::{Database, Exchange, Outbox};
use super::stream::{MAX_AGE, Remembered};
use crate::log::unsigned;
use crate::{Log, pool};

/// The advisory lock of the leader (two-number locks are apart from the one-number locks of idempotency keys).
const LEADING: (i32, i32) = (0x7472, 2);
/// The server ends a session that is silent for so long, and gives up on a statement that takes so long.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
const STATEMENT: Duration = Duration::from_secs(3);
/// How far back events are published again: what retention is about to delete is not.
const REPUBLISHED: Duration = MAX_AGE.saturating_sub(Duration::from_hours(1));
/// Events that are queued again at once, and how many rows may wait for that: what is new waits behind no more. However
/// few scopes they are of: of each only one is published at a time.
const PIECE: i64 = 10;
const FEW: i64 = 20;

/// A service's database.
pub(crate) struct PgDatabase<'a> {
    pub(crate) log: &'a Log,
    pub(crate) url: &'a SecretString,
}

/// A session of it.
pub(crate) struct PgOutbox {
    log: Log,
    connection: PgConnection,
}

impl Database for PgDatabase<'_> {
    type Outbox = PgOutbox;

    fn context(&self) -> &'static str {
        self.log.context()
    }

    async fn committed(&self) {
        self.log.committed().await;
    }

    async fn connect(&self) -> Result<PgOutbox, sqlx::Error> {
        let connection = PgConnection::connect_with(&options(self.url)?).await?;
        Ok(PgOutbox { log: self.log.clone(), connection })
    }
}

impl Outbox for PgOutbox {
    async fn try_lead(&mut self) -> Result<bool, sqlx::Error> {
        let query = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)").bind(LEADING.0).bind(LEADING.1);
        query.fetch_one(&mut self.connection).await
    }

    async fn beat(&mut self) -> Result<f64, sqlx::Error> {
        let query = sqlx::query_scalar(
            "SELECT COALESCE((SELECT EXTRACT(EPOCH FROM clock_timestamp() - queued_at)::float8 \
                              FROM outbox ORDER BY id LIMIT 1), 0)",
        );
        query.fetch_one(&mut self.connection).await
    }

    /// One statement, as this is all that the relay costs the database per batch. Never with a cursor, because rows
    /// commit out of order.
    async fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<Row<Message>>, sqlx::Error> {
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
        let rows = query.fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| outbox_row(&self.log, row)).collect()
    }

    async fn remembered(&mut self) -> Result<Option<Remembered>, sqlx::Error> {
        let query = sqlx::query_as("SELECT created_at, last_seq, last_event FROM relay_stream");
        let row: Option<(DateTime<Utc>, i64, Option<Uuid>)> = query.fetch_optional(&mut self.connection).await?;
        Ok(row.map(|(created, last_seq, last_event)| Remembered { created, last_seq: unsigned(last_seq), last_event }))
    }

    async fn remember(&mut self, stream: &Remembered) -> Result<(), sqlx::Error> {
        remember(&mut self.connection, stream).await
    }

    async fn lost(&mut self, stream: &Remembered) -> Result<u64, sqlx::Error> {
        let mut tx = self.connection.begin().await?;
        sqlx::query("SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
        let noted = sqlx::query(
            "INSERT INTO republish (scope, next, upto) \
             SELECT scope, min(seq), max(seq) FROM event_log WHERE occurred_at > now() - $1 GROUP BY scope \
             ON CONFLICT (scope) DO UPDATE SET next = excluded.next, upto = excluded.upto",
        )
        .bind(REPUBLISHED)
        .execute(&mut *tx)
        .await?;
        remember(&mut tx, stream).await?;
        tx.commit().await?;
        Ok(noted.rows_affected())
    }

    async fn queue_again(&mut self) -> Result<Option<u64>, sqlx::Error> {
        let query = sqlx::query_as(
            "WITH due AS (SELECT scope, next, upto FROM republish \
                          WHERE (SELECT count(*) FROM (SELECT FROM outbox LIMIT $3) waiting) < $3 LIMIT 1), \
             piece AS (SELECT e.scope, e.seq FROM due \
                       JOIN event_log e ON e.scope = due.scope AND e.seq BETWEEN due.next AND due.upto \
                       WHERE e.occurred_at > now() - $1 ORDER BY e.seq LIMIT $2), \
             queued AS (INSERT INTO outbox (scope, seq) SELECT scope, seq FROM piece ORDER BY seq RETURNING seq), \
             last AS (SELECT count(*) AS rows, max(seq) AS seq FROM queued), \
             moved AS (UPDATE republish r SET next = last.seq + 1 FROM due, last \
                       WHERE r.scope = due.scope AND last.rows = $2), \
             done AS (DELETE FROM republish r USING due, last WHERE r.scope = due.scope AND last.rows < $2) \
             SELECT last.rows, EXISTS (SELECT FROM republish) FROM last",
        )
        .bind(REPUBLISHED)
        .bind(PIECE)
        .bind(FEW);
        let (rows, left): (i64, bool) = query.fetch_one(&mut self.connection).await?;
        Ok(left.then_some(unsigned(rows)))
    }

    async fn close(self) {
        self.connection.close().await.ok();
    }
}

async fn remember(connection: &mut PgConnection, stream: &Remembered) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO relay_stream (created_at, last_seq, last_event) VALUES ($1, $2, $3) \
         ON CONFLICT (only_row) DO UPDATE SET created_at = $1, last_seq = $2, last_event = $3",
    )
    .bind(stream.created)
    .bind(signed(stream.last_seq))
    .bind(stream.last_event);
    query.execute(connection).await?;
    Ok(())
}

fn options(url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
    let options = pool::options(url)?;
    let name = format!("{} relay", options.get_application_name().unwrap_or("trellis"));
    let silence = format!("{}ms", SILENCE.as_millis());
    Ok(options.application_name(&name).options([
        crate::wall::OUTSIDE,
        ("idle_session_timeout", silence.as_str()),
        ("idle_in_transaction_session_timeout", silence.as_str()),
        // The server gives up when the relay does, or a forgotten statement would keep the lock.
        ("statement_timeout", format!("{}ms", STATEMENT.as_millis()).as_str()),
        // Losing a deletion in a crash only publishes again. The remembered stream is in the same statement.
        ("synchronous_commit", "off"),
        // The outbox is empty when it is analysed and full when it matters: only a loop over the rows read is right.
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ]))
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
