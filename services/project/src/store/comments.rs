//! Comments, with their task's count of them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Comment, CreatedCursor, Kind, TaskId};

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

/// A page of a task's comments, with the place in its project's order that they reflect.
pub struct CommentPage {
    pub project_id: Uuid,
    pub last_seq: i64,
    pub comments: Vec<Comment>,
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

/// Oldest first. `None`: no such task.
#[tracing::instrument(name = "db.comments.list", skip_all)]
pub async fn list(
    conn: &mut PgConnection,
    org_id: Uuid,
    task: &TaskId,
    after: Option<&CreatedCursor>,
    limit: i64,
) -> sqlx::Result<Option<CommentPage>> {
    // The outer join gives a task without comments one row, so that its position is there.
    let rows = sqlx::query!(
        r#"SELECT p.id AS project_id, s.last_seq, t.id AS task, c.id AS "id?", c.content AS "content?",
                  c.author_id AS "author_id?", c.created_at AS "created_at?", c.edited_at
           FROM projects p
           JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
           JOIN scopes s ON s.id = p.id
           LEFT JOIN LATERAL (
               SELECT id, content, author_id, created_at, edited_at FROM comments
               WHERE org_id = $1 AND task_id = t.id
                 AND (created_at, id) > (coalesce($4, '-infinity'::timestamptz), $5)
               ORDER BY created_at, id LIMIT $6
           ) c ON true
           WHERE p.org_id = $1 AND p.key = $2 AND t.number = $3
           ORDER BY c.created_at, c.id"#,
        org_id,
        task.key,
        task.number,
        after.map(CreatedCursor::created_at),
        after.map_or(Uuid::nil(), |cursor| cursor.id),
        limit,
    )
    .fetch_all(conn)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let (project_id, last_seq) = (first.project_id, first.last_seq);
    let comments = rows
        .into_iter()
        .filter_map(|row| {
            Some(Comment {
                id: row.id?,
                project_id,
                task: row.task,
                task_id: task.clone(),
                content: row.content?,
                author_id: row.author_id?,
                created_at: row.created_at?,
                edited_at: row.edited_at,
            })
        })
        .collect();
    Ok(Some(CommentPage { project_id, last_seq, comments }))
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
pub async fn update(conn: &mut PgConnection, org_id: Uuid, comment: &mut Comment) -> sqlx::Result<()> {
    comment.edited_at = sqlx::query_scalar!(
        "UPDATE comments SET content = $3, edited_at = clock_timestamp() WHERE org_id = $1 AND id = $2
         RETURNING edited_at",
        org_id,
        comment.id,
        comment.content,
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
