//! Forgets events older than 7 days and idempotency keys older than 24 h, in batches.
//!
//! Batches keep transactions short, so that a scope's writers hardly notice. What is not yet published is kept.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Log, LogError};

/// Rows of one batch.
const BATCH: i64 = 1_000;
/// How long an idempotency key is remembered.
const KEEP_KEYS: Duration = Duration::from_hours(24);
/// Between two rounds. Several replicas may do them at once: who comes second finds less.
const ROUND: Duration = Duration::from_mins(10);

/// Does a round every 10 minutes until `shutdown`. Never fails: what one round leaves the next one finds.
pub async fn run_retention(log: Log, keep: Duration, shutdown: CancellationToken) {
    let context = log.context();
    let rounds = async {
        loop {
            match forget_old_events(&log, keep).await {
                Ok(0) => {}
                Ok(events) => tracing::info!(context, events, "forgot old events"),
                Err(error) => tracing::warn!(context, %error, "could not forget old events"),
            }
            sleep(ROUND).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

/// One round: deletes what is older, raises the scopes' low-water marks. Gives how many events were deleted.
pub async fn forget_old_events(log: &Log, keep: Duration) -> Result<u64, LogError> {
    let mut forgotten = 0;
    loop {
        let mut batch = 0;
        for scope in scopes_with_old_events(log, keep).await? {
            batch += forget_in_scope(log, scope, keep).await?;
        }
        forgotten += batch;
        // Nothing is old any more, or what is old is not yet published.
        if batch == 0 {
            break;
        }
    }
    while forget_keys(log).await? == BATCH.unsigned_abs() {}
    Ok(forgotten)
}

/// Whose events are the oldest.
async fn scopes_with_old_events(log: &Log, keep: Duration) -> Result<Vec<Uuid>, LogError> {
    let scopes = sqlx::query_scalar(
        "SELECT DISTINCT scope FROM ( \
             SELECT scope FROM event_log WHERE occurred_at < now() - $1 ORDER BY occurred_at LIMIT $2 \
         ) oldest",
    )
    .bind(keep)
    .bind(BATCH)
    .fetch_all(log.pool())
    .await?;
    Ok(scopes)
}

/// Deletes the scope's oldest events, at most a batch, always from the first without a gap.
async fn forget_in_scope(log: &Log, scope: Uuid, keep: Duration) -> Result<u64, LogError> {
    let mut forgetting = log.begin_unlogged().await?;
    // The scope's row first, as every writer does.
    sqlx::query("SELECT FROM scopes WHERE id = $1 FOR UPDATE").bind(scope).execute(forgetting.conn()).await?;
    let deleted = sqlx::query(
        "WITH first AS ( \
             SELECT seq, occurred_at FROM event_log WHERE scope = $1 ORDER BY seq LIMIT $3 \
         ), last AS ( \
             SELECT max(seq) AS seq FROM first \
             WHERE occurred_at < now() - $2 \
               AND seq < COALESCE((SELECT min(seq) FROM outbox WHERE scope = $1), 9223372036854775807) \
         ), raised AS ( \
             UPDATE scopes SET low_water = last.seq FROM last WHERE id = $1 AND low_water < last.seq \
         ) DELETE FROM event_log WHERE scope = $1 AND seq <= (SELECT seq FROM last)",
    )
    .bind(scope)
    .bind(keep)
    .bind(BATCH)
    .execute(forgetting.conn())
    .await?;
    forgetting.commit().await?;
    Ok(deleted.rows_affected())
}

async fn forget_keys(log: &Log) -> Result<u64, LogError> {
    let deleted = sqlx::query(
        "DELETE FROM idempotency_keys WHERE (user_id, operation, key) IN ( \
             SELECT user_id, operation, key FROM idempotency_keys \
             WHERE created_at < now() - $1 ORDER BY created_at LIMIT $2 \
         )",
    )
    .bind(KEEP_KEYS)
    .bind(BATCH)
    .execute(log.pool())
    .await?;
    Ok(deleted.rows_affected())
}
