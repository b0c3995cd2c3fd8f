//! Refresh tokens, by their hash. Read and changed under the lock of their session.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, query};
use uuid::Uuid;

/// How a token stands.
pub struct State {
    pub spent_at: Option<DateTime<Utc>>,
    /// Its successor is there and not spent.
    pub successor_unused: bool,
}

pub async fn insert(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    session_id: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)",
        hash.as_slice(),
        session_id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn state(conn: &mut PgConnection, hash: &[u8; 32], successor: &[u8; 32]) -> sqlx::Result<Option<State>> {
    let row = query!(
        r#"SELECT spent_at,
                  EXISTS (SELECT FROM refresh_tokens next
                          WHERE next.hash = $2 AND next.session_id = t.session_id AND next.spent_at IS NULL)
                      AS "successor_unused!"
           FROM refresh_tokens t WHERE hash = $1"#,
        hash.as_slice(),
        successor.as_slice()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| State { spent_at: row.spent_at, successor_unused: row.successor_unused }))
}

/// Exchanges a token for its successor, in one statement.
pub async fn rotate(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    successor: &[u8; 32],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "WITH spent AS (UPDATE refresh_tokens SET spent_at = $3 WHERE hash = $1 RETURNING session_id)
         INSERT INTO refresh_tokens (hash, session_id, created_at) SELECT $2, session_id, $3 FROM spent",
        hash.as_slice(),
        successor.as_slice(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
