//! Users: credentials, pending registrations, look-ups.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, query, query_as, query_scalar};
use uuid::Uuid;

use crate::domain::{Credentials, Email, Name, User};

/// `false` where the e-mail is taken.
pub async fn insert(
    conn: &mut PgConnection,
    user: &User,
    password_hash: &str,
    pending_since: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    let done = query!(
        "INSERT INTO users (id, email, name, password_hash, created_at, pending_since)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fold(email)) DO NOTHING",
        user.id,
        user.email,
        user.name,
        password_hash,
        user.created_at,
        pending_since,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether an e-mail is taken, by a pending user too.
pub async fn email_is_taken(db: impl PgExecutor<'_>, email: &Email) -> sqlx::Result<bool> {
    query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE fold(email) = fold($1)) AS "taken!""#, email.as_str())
        .fetch_one(db)
        .await
}

/// What a login is checked against.
pub async fn credentials(db: impl PgExecutor<'_>, email: &str) -> sqlx::Result<Option<Credentials>> {
    let row = query!(
        r#"SELECT id, email, name, created_at, password_hash, pending_since IS NOT NULL AS "pending!"
           FROM users WHERE fold(email) = fold($1)"#,
        email
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Credentials {
        user: User { id: row.id, email: row.email, name: row.name, created_at: row.created_at },
        password_hash: row.password_hash,
        pending: row.pending,
    }))
}

/// The password hash of a user, while the session lives.
pub async fn password_hash(db: impl PgExecutor<'_>, id: Uuid, session: Uuid) -> sqlx::Result<Option<String>> {
    query_scalar!(
        "SELECT u.password_hash FROM users u JOIN sessions s ON s.user_id = u.id
         WHERE u.id = $1 AND s.id = $2 AND s.revoked_at IS NULL",
        id,
        session
    )
    .fetch_optional(db)
    .await
}

/// Holds a user's password as it is until the transaction ends; `false` where it is no longer this one. So a login
/// with the old password cannot slip in beside a change of it.
pub async fn hold_password(conn: &mut PgConnection, id: Uuid, password_hash: &str) -> sqlx::Result<bool> {
    let row = query!(
        r#"SELECT id FROM users WHERE id = $1 AND password_hash = $2 AND pending_since IS NULL FOR NO KEY UPDATE"#,
        id,
        password_hash
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// The same password under a better hash; `false` where it is no longer the old one.
pub async fn rehash(conn: &mut PgConnection, id: Uuid, old: &str, new: &str) -> sqlx::Result<bool> {
    let done = query!("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id, old, new)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// A new password, while the session lives; `false` where it has ended or the password is no longer the old one.
pub async fn change_password(
    conn: &mut PgConnection,
    id: Uuid,
    session: Uuid,
    old: &str,
    new: &str,
) -> sqlx::Result<bool> {
    let done = query!(
        "UPDATE users u SET password_hash = $4 FROM sessions s
         WHERE u.id = $1 AND u.password_hash = $3 AND s.id = $2 AND s.user_id = u.id AND s.revoked_at IS NULL",
        id,
        session,
        old,
        new
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The user of a session that lives.
pub async fn signed_in(db: impl PgExecutor<'_>, id: Uuid, session: Uuid) -> sqlx::Result<Option<User>> {
    query_as!(
        User,
        "SELECT u.id, u.email, u.name, u.created_at FROM users u JOIN sessions s ON s.user_id = u.id
         WHERE u.id = $1 AND s.id = $2 AND s.revoked_at IS NULL",
        id,
        session
    )
    .fetch_optional(db)
    .await
}

/// `None` where the session has ended.
pub async fn rename(conn: &mut PgConnection, id: Uuid, session: Uuid, name: &Name) -> sqlx::Result<Option<User>> {
    query_as!(
        User,
        "UPDATE users u SET name = $3 FROM sessions s
         WHERE u.id = $1 AND s.id = $2 AND s.user_id = u.id AND s.revoked_at IS NULL
         RETURNING u.id, u.email, u.name, u.created_at",
        id,
        session,
        name.as_str()
    )
    .fetch_optional(conn)
    .await
}

/// Those of these that there are, pending ones left out.
pub async fn find(db: impl PgExecutor<'_>, ids: &[Uuid], emails: &[String]) -> sqlx::Result<Vec<User>> {
    query_as!(
        User,
        "SELECT id, email, name, created_at FROM users
         WHERE pending_since IS NULL
           AND (id = ANY ($1) OR fold(email) = ANY (ARRAY(SELECT fold(e) FROM unnest($2::text[]) AS e)))",
        ids,
        emails
    )
    .fetch_all(db)
    .await
}

/// Ends a registration well; `false` where there is no such pending user.
pub async fn activate(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let done = query!("UPDATE users SET pending_since = NULL WHERE id = $1 AND pending_since IS NOT NULL", id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Undoes a registration; `false` where there is no such pending user.
pub async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let done = query!("DELETE FROM users WHERE id = $1 AND pending_since IS NOT NULL", id).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a user may log in; `None` where there is none.
pub async fn is_active(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<bool>> {
    query_scalar!(r#"SELECT pending_since IS NULL AS "active!" FROM users WHERE id = $1"#, id)
        .fetch_optional(conn)
        .await
}

/// Registrations that have been waiting since before a time, oldest first.
pub async fn pending_since_before(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    query_scalar!("SELECT id FROM users WHERE pending_since < $1 ORDER BY pending_since LIMIT $2", before, limit)
        .fetch_all(db)
        .await
}
