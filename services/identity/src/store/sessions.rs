//! Sessions: opened, used, ended, forgotten.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, query, query_as};
use uuid::Uuid;

use crate::domain::{Client, IDLE, OpenSession, Revocation, Session, User, Window};

pub async fn insert(
    conn: &mut PgConnection,
    session: &Session,
    client: &Client,
    access_expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "INSERT INTO sessions
             (id, user_id, user_agent, ip, created_at, last_used_at, expires_at, long_lived, access_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        session.id,
        session.user.id,
        client.user_agent,
        client.ip,
        session.created_at,
        session.last_used_at,
        session.expires_at,
        session.long_lived,
        access_expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The session that a refresh token belongs to, locked until the transaction ends. What is then read of its tokens
/// is current: read it in a statement of its own.
pub async fn lock_by_token(conn: &mut PgConnection, hash: &[u8; 32]) -> sqlx::Result<Option<Session>> {
    let row = query_as!(
        Row,
        r#"SELECT s.id, s.created_at, s.last_used_at, s.expires_at, s.long_lived,
                  s.revoked_at IS NOT NULL AS "revoked!", u.id AS user_id, u.email, u.name, u.created_at AS user_created_at
           FROM sessions s JOIN users u ON u.id = s.user_id
           WHERE s.id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)
           FOR UPDATE OF s"#,
        hash.as_slice()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// A session of a user, locked until the transaction ends.
pub async fn lock(conn: &mut PgConnection, id: Uuid, user_id: Uuid) -> sqlx::Result<Option<Session>> {
    let row = query_as!(
        Row,
        r#"SELECT s.id, s.created_at, s.last_used_at, s.expires_at, s.long_lived,
                  s.revoked_at IS NOT NULL AS "revoked!", u.id AS user_id, u.email, u.name, u.created_at AS user_created_at
           FROM sessions s JOIN users u ON u.id = s.user_id
           WHERE s.id = $1 AND s.user_id = $2
           FOR UPDATE OF s"#,
        id,
        user_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// The same without the lock.
pub async fn find(db: impl PgExecutor<'_>, id: Uuid, user_id: Uuid) -> sqlx::Result<Option<Session>> {
    let row = query_as!(
        Row,
        r#"SELECT s.id, s.created_at, s.last_used_at, s.expires_at, s.long_lived,
                  s.revoked_at IS NOT NULL AS "revoked!", u.id AS user_id, u.email, u.name, u.created_at AS user_created_at
           FROM sessions s JOIN users u ON u.id = s.user_id
           WHERE s.id = $1 AND s.user_id = $2"#,
        id,
        user_id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Session::from))
}

/// A user's sessions that live, the last used first.
pub async fn open(
    db: impl PgExecutor<'_>,
    user_id: Uuid,
    now: DateTime<Utc>,
    window: Window,
) -> sqlx::Result<Vec<OpenSession>> {
    let rows = query!(
        "SELECT id, user_agent, ip, created_at, last_used_at, expires_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_used_at > $3
           AND (last_used_at, id) < ($4, $5)
         ORDER BY last_used_at DESC, id DESC LIMIT $6",
        user_id,
        now,
        now - IDLE,
        window.from.at,
        window.from.id,
        window.rows()
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenSession {
            id: row.id,
            client: Client { user_agent: row.user_agent, ip: row.ip },
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// Notes a use, from where if that is known, and how long the access token lasts that is given for it.
pub async fn touch(
    conn: &mut PgConnection,
    id: Uuid,
    client: Option<&Client>,
    now: DateTime<Utc>,
    access_expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "UPDATE sessions SET user_agent = coalesce($2, user_agent), ip = coalesce($3, ip), last_used_at = $4,
                             access_expires_at = greatest(access_expires_at, $5)
         WHERE id = $1",
        id,
        client.map(|client| client.user_agent.as_str()),
        client.map(|client| client.ip.as_str()),
        now,
        access_expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends one session under a number of the log; `None` where it had ended already.
pub async fn revoke(
    conn: &mut PgConnection,
    id: Uuid,
    seq: u64,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Revocation>> {
    let row = query!(
        "UPDATE sessions SET revoked_at = $3, revoked_seq = $2 WHERE id = $1 AND revoked_at IS NULL
         RETURNING access_expires_at",
        id,
        signed(seq),
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Revocation { session_id: id, seq, access_expires_at: row.access_expires_at }))
}

/// Ends all sessions of a user but one, under one number of the log.
pub async fn revoke_others(
    conn: &mut PgConnection,
    user_id: Uuid,
    keep: Uuid,
    seq: u64,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Revocation>> {
    let rows = query!(
        "UPDATE sessions SET revoked_at = $4, revoked_seq = $3
         WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL
         RETURNING id, access_expires_at",
        user_id,
        keep,
        signed(seq),
        now
    )
    .fetch_all(conn)
    .await?;
    let revocation = |id, access_expires_at| Revocation { session_id: id, seq, access_expires_at };
    Ok(rows.into_iter().map(|row| revocation(row.id, row.access_expires_at)).collect())
}

/// Sessions that were ended after a number, those left out whose access tokens expired before a time; in order.
pub async fn revoked_after(
    db: impl PgExecutor<'_>,
    after: u64,
    expired_before: DateTime<Utc>,
) -> sqlx::Result<Vec<Revocation>> {
    let rows = query!(
        r#"SELECT id, revoked_seq AS "revoked_seq!", access_expires_at FROM sessions
           WHERE revoked_seq > $1 AND access_expires_at >= $2
           ORDER BY revoked_seq, id"#,
        signed(after),
        expired_before
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Revocation {
            session_id: row.id,
            seq: u64::try_from(row.revoked_seq).unwrap_or_default(),
            access_expires_at: row.access_expires_at,
        })
        .collect())
}

/// Deletes a batch of sessions that are over and whose access tokens have expired before a time; gives how many.
/// Skips what is locked, so that it stands in nobody's way.
pub async fn delete_over(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    expired_before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<u64> {
    let done = query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions
             WHERE access_expires_at < $2 AND (revoked_at IS NOT NULL OR expires_at < $1 OR last_used_at < $3)
             LIMIT $4 FOR UPDATE SKIP LOCKED)",
        now,
        expired_before,
        now - IDLE,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Numbers of a log come from a `bigint`.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A session with its user.
struct Row {
    id: Uuid,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    long_lived: bool,
    revoked: bool,
    user_id: Uuid,
    email: String,
    name: String,
    user_created_at: DateTime<Utc>,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user: User { id: row.user_id, email: row.email, name: row.name, created_at: row.user_created_at },
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            long_lived: row.long_lived,
            revoked: row.revoked,
        }
    }
}
