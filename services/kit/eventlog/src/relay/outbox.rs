//! The outbox in PostgreSQL, over the relay's own session: all SQL of the relay.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message as _;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Postgres, Row as _, Transaction};
use uuid::Uuid;

use super::publish::Message;
use super::schedule::Row;
use super::sides::{Database, Exchange, Outbox, Requeued};
use super::stream::{MAX_AGE, Remembered};
use crate::log::unsigned;
use crate::{Log, pool};

/// The advisory lock of the leader (two-number locks are apart from the one-number locks of idempotency keys).
const LEADING: (i32, i32) = (0x7472, 2);
/// The server ends a session that is silent for so long, and gives up on a statement that takes so long.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
const STATEMENT: Duration = Duration::from_secs(3);

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
        let mut tx = begin_long(&mut self.connection).await?;
        let noted = sqlx::query(
            "INSERT INTO republish (scope) SELECT DISTINCT scope FROM event_log WHERE occurred_at > now() - $1 \
             ON CONFLICT DO NOTHING",
        )
        .bind(MAX_AGE)
        .execute(&mut *tx)
        .await?;
        remember(&mut tx, stream).await?;
        tx.commit().await?;
        Ok(noted.rows_affected())
    }

    /// The rows that wait already are taken out and put behind the older ones, under the scope's lock: nobody can
    /// append meanwhile, so the order of the outbox is the order of numbers again. Nobody is waited for: new events of
    /// other scopes would wait, too.
    async fn queue_again(&mut self) -> Result<Requeued, sqlx::Error> {
        let mut tx = begin_long(&mut self.connection).await?;
        let scope: Option<Uuid> = sqlx::query_scalar(
            "SELECT s.id FROM republish r JOIN scopes s ON s.id = r.scope LIMIT 1 FOR UPDATE OF s SKIP LOCKED",
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(scope) = scope else {
            let left = sqlx::query_scalar("SELECT EXISTS (SELECT FROM republish)").fetch_one(&mut *tx).await?;
            return Ok(if left { Requeued::Later } else { Requeued::Nothing });
        };
        sqlx::query("DELETE FROM republish WHERE scope = $1").bind(scope).execute(&mut *tx).await?;
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
        Ok(Requeued::Scope(scope, queued.rows_affected()))
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

async fn begin_long(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
    Ok(tx)
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
