//! Signing keys, shared by all replicas.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, query, query_scalar};

use crate::domain::{HANDED_OVER, PublicKey, SigningKey};

/// The advisory lock of who makes a key. The event log's own locks are of class 0x7472.
const MAKING: (i32, i32) = (0x7473, 1);

/// Waits for the right to make keys, until the transaction ends.
pub async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    query!("SELECT pg_advisory_xact_lock($1, $2)", MAKING.0, MAKING.1).execute(conn).await?;
    Ok(())
}

pub async fn insert(conn: &mut PgConnection, key: &SigningKey, now: DateTime<Utc>) -> sqlx::Result<()> {
    let public = key.public();
    query!(
        "INSERT INTO signing_keys (kid, seed, public_key, created_at, not_before) VALUES ($1, $2, $3, $4, $5)",
        key.kid,
        key.seed().as_slice(),
        public.key.as_slice(),
        now,
        key.not_before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// All that are not retired, with what signs.
pub async fn all(conn: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<SigningKey>> {
    let rows = query!(
        "SELECT kid, seed, not_before, retired_at FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > $1 ORDER BY not_before, kid",
        now
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(SigningKey::new(row.kid, bytes(&row.seed)?, row.not_before, row.retired_at)))
        .collect()
}

/// The public half of all that are not retired, those included that are not yet used.
pub async fn published(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> sqlx::Result<Vec<PublicKey>> {
    let rows = query!(
        "SELECT kid, public_key FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > $1 ORDER BY not_before, kid",
        now
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Ok(PublicKey { kid: row.kid, key: bytes(&row.public_key)? })).collect()
}

/// Says of each key that is no longer used when its last token will have expired: every token's session tells how long
/// its tokens last. Gives the kids.
pub async fn retire(conn: &mut PgConnection, now: DateTime<Utc>, margin: Duration) -> sqlx::Result<Vec<String>> {
    query_scalar!(
        "UPDATE signing_keys k
         SET retired_at = greatest($1, (SELECT max(access_expires_at) FROM sessions)) + make_interval(secs => $2)
         WHERE retired_at IS NULL
           AND EXISTS (SELECT FROM signing_keys next
                       WHERE next.not_before > k.not_before AND next.not_before <= $3 AND next.retired_at IS NULL)
         RETURNING kid",
        now,
        margin.as_secs_f64(),
        now - HANDED_OVER
    )
    .fetch_all(conn)
    .await
}

/// Nothing that such a key signed is believed any more, and nobody has a use for its secret half.
pub async fn delete_retired(conn: &mut PgConnection, before: DateTime<Utc>) -> sqlx::Result<Vec<String>> {
    query_scalar!("DELETE FROM signing_keys WHERE retired_at < $1 RETURNING kid", before).fetch_all(conn).await
}

/// The table's check says that they are 32.
fn bytes(column: &[u8]) -> sqlx::Result<[u8; 32]> {
    column.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
