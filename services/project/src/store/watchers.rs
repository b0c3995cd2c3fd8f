//! Who watches which task, and who follows it for other reasons.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Watching again changes nothing.
#[tracing::instrument(name = "db.watchers.add", skip_all)]
pub async fn add(conn: &mut PgConnection, org_id: Uuid, task: Uuid, user: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO watchers (org_id, task_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        org_id,
        task,
        user,
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[tracing::instrument(name = "db.watchers.remove", skip_all)]
pub async fn remove(conn: &mut PgConnection, org_id: Uuid, task: Uuid, user: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM watchers WHERE org_id = $1 AND task_id = $2 AND user_id = $3", org_id, task, user)
        .execute(conn)
        .await?;
    Ok(())
}

#[tracing::instrument(name = "db.watchers.find", skip_all)]
pub async fn find(conn: &mut PgConnection, org_id: Uuid, task: Uuid, user: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM watchers WHERE org_id = $1 AND task_id = $2 AND user_id = $3) AS "watches!""#,
        org_id,
        task,
        user,
    )
    .fetch_one(conn)
    .await
}

/// Which of these tasks a user watches.
#[tracing::instrument(name = "db.watchers.batch", skip_all)]
pub async fn batch(conn: &mut PgConnection, org_id: Uuid, tasks: &[Uuid], user: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT task_id FROM watchers WHERE org_id = $1 AND task_id = ANY ($2) AND user_id = $3",
        org_id,
        tasks,
        user,
    )
    .fetch_all(conn)
    .await
}

/// Everything that a user watches in the organization. Gives how many tasks that were.
#[tracing::instrument(name = "db.watchers.forget", skip_all)]
pub async fn forget(conn: &mut PgConnection, org_id: Uuid, user: Uuid) -> sqlx::Result<u64> {
    let gone = sqlx::query!("DELETE FROM watchers WHERE org_id = $1 AND user_id = $2", org_id, user);
    Ok(gone.execute(conn).await?.rows_affected())
}

/// Whom a new comment concerns: who made the task, had it, watched it or had commented on it at that moment, which may be
/// a while ago. `at` and `seq` are the comment's; whose the task was then is what the first change after it says. From one
/// author to the next, so that a task with 100,000 comments costs no more than its authors do.
#[tracing::instrument(name = "db.watchers.followers", skip_all)]
pub async fn followers(
    conn: &mut PgConnection,
    org_id: Uuid,
    task: Uuid,
    at: DateTime<Utc>,
    seq: i64,
) -> sqlx::Result<Vec<Uuid>> {
    let users = sqlx::query_scalar!(
        r#"WITH RECURSIVE authors AS (
               (SELECT author_id FROM comments WHERE org_id = $1 AND task_id = $2 ORDER BY author_id LIMIT 1)
               UNION ALL
               SELECT (SELECT c.author_id FROM comments c
                       WHERE c.org_id = $1 AND c.task_id = $2 AND c.author_id > authors.author_id
                       ORDER BY c.author_id LIMIT 1)
               FROM authors WHERE authors.author_id IS NOT NULL
           )
           SELECT user_id FROM watchers WHERE org_id = $1 AND task_id = $2 AND created_at < $3
           UNION
           SELECT author_id FROM authors WHERE EXISTS (
               SELECT FROM comments c
               WHERE c.org_id = $1 AND c.task_id = $2 AND c.author_id = authors.author_id AND c.created_at < $3
           )
           UNION
           SELECT created_by FROM tasks WHERE org_id = $1 AND id = $2
           UNION
           SELECT CASE WHEN later.given THEN later.before ELSE t.assignee_id END
           FROM tasks t LEFT JOIN LATERAL (
               SELECT true AS given, (change ->> 'from')::uuid AS before
               FROM activity a CROSS JOIN jsonb_array_elements(a.changes) AS change
               WHERE a.org_id = $1 AND a.task_id = $2 AND a.seq > $4 AND change ->> 'field' = 'assignee'
               ORDER BY a.seq LIMIT 1
           ) later ON true
           WHERE t.org_id = $1 AND t.id = $2"#,
        org_id,
        task,
        at,
        seq,
    )
    .fetch_all(conn)
    .await?;
    Ok(users.into_iter().flatten().collect())
}
