//! Signing keys, shared by all replicas.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, query};

use crate::domain::{PublicKey, SigningKey};

/// The advisory lock of who makes the first key. The event log's own locks are of class 0x7472.
const FIRST_KEY: (i32, i32) = (0x7473, 1);

/// Waits for the right to make keys, until the transaction ends.
pub async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    query!("SELECT pg_advisory_xact_lock($1, $2)", FIRST_KEY.0, FIRST_KEY.1).execute(conn).await?;
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
pub async fn published(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<PublicKey>> {
    let rows = query!(
        "SELECT kid, public_key FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > $1 ORDER BY not_before, kid",
        now
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| Ok(PublicKey { kid: row.kid, key: bytes(&row.public_key)? })).collect()
}

/// The table's check says that they are 32.
fn bytes(column: &[u8]) -> sqlx::Result<[u8; 32]> {
    column.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
