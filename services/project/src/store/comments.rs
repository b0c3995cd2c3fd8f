//! Comments, with their task's count of them. Lists are in `comment_list`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::undigested::may_mention;
use crate::domain::{Comment, Kind, TaskId};

struct CommentRow {
    id: Uuid,
    project_id: Uuid,
    task: Uuid,
    key: String,
    number: i64,
    content: String,
    author_id: Uuid,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            task: row.task,
            task_id: TaskId { key: row.key, number: row.number },
            content: row.content,
            author_id: row.author_id,
            created_at: row.created_at,
            edited_at: row.edited_at,
        }
    }
}

#[tracing::instrument(name = "db.comments.find", skip_all)]
pub async fn find(conn: &mut PgConnection, org_id: Uuid, id: Uuid) -> sqlx::Result<Option<Comment>> {
    let row = sqlx::query_as!(
        CommentRow,
        "SELECT c.id, p.id AS project_id, t.id AS task, p.key, t.number, c.content, c.author_id, c.created_at,
                c.edited_at
         FROM comments c
         JOIN tasks t ON t.org_id = c.org_id AND t.id = c.task_id
         JOIN projects p ON p.org_id = t.org_id AND p.id = t.project_id
         WHERE c.org_id = $1 AND c.id = $2",
        org_id,
        id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Into::into))
}

/// Inserts it, counts it and notes the activity, in one statement; fills in the time. False: the task is gone.
#[tracing::instrument(name = "db.comments.insert", skip_all)]
pub async fn insert(conn: &mut PgConnection, org_id: Uuid, comment: &mut Comment, seq: i64) -> sqlx::Result<bool> {
    let created_at = sqlx::query_scalar!(
        "WITH task AS (
             UPDATE tasks SET comment_count = comment_count + 1 WHERE org_id = $1 AND id = $2
             RETURNING id, project_id, clock_timestamp() AS at
         ), noted AS (
             INSERT INTO activity (org_id, id, project_id, seq, task_id, comment_id, kind, actor_id, occurred_at)
             SELECT $1, $6, project_id, $7, id, $3, $8, $4, at FROM task
         ), queued AS (
             INSERT INTO undigested (organization_id, scope, seq) SELECT $1, project_id, $7 FROM task
         )
         INSERT INTO comments (org_id, id, task_id, author_id, content, created_at)
         SELECT $1, $3, id, $4, $5, at FROM task
         RETURNING created_at",
        org_id,
        comment.task,
        comment.id,
        comment.author_id,
        comment.content,
        Uuid::now_v7(),
        seq,
        Kind::CommentCreated.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    if let Some(created_at) = created_at {
        comment.created_at = created_at;
    }
    Ok(created_at.is_some())
}

/// Writes the content, and fills in when.
#[tracing::instrument(name = "db.comments.update", skip_all)]
pub async fn update(conn: &mut PgConnection, org_id: Uuid, comment: &mut Comment, seq: i64) -> sqlx::Result<()> {
    comment.edited_at = sqlx::query_scalar!(
        "WITH queued AS (
             INSERT INTO undigested (organization_id, scope, seq) SELECT $1, $4, $5 WHERE $6::boolean
         )
         UPDATE comments SET content = $3, edited_at = clock_timestamp() WHERE org_id = $1 AND id = $2
         RETURNING edited_at",
        org_id,
        comment.id,
        comment.content,
        comment.project_id,
        seq,
        may_mention(&comment.content),
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

#[tracing::instrument(name = "db.comments.delete", skip_all)]
pub async fn delete(conn: &mut PgConnection, org_id: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM comments WHERE org_id = $1 AND id = $2 RETURNING task_id)
         UPDATE tasks t SET comment_count = comment_count - 1 FROM gone WHERE t.org_id = $1 AND t.id = gone.task_id",
        org_id,
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
