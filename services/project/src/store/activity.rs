//! Who changed what. Creations note theirs in their own statement.

use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::domain::{Activity, Change, Kind, SeqCursor, TaskId};

/// What an entry is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub org_id: Uuid,
    pub project: Uuid,
    pub task: Option<Uuid>,
    pub comment: Option<Uuid>,
}

/// A page of a task's history, with the place in its project's order that it reflects.
pub struct ActivityPage {
    pub project_id: Uuid,
    pub last_seq: i64,
    pub activities: Vec<Activity>,
}

#[tracing::instrument(name = "db.activity.add", skip_all)]
pub async fn add(
    conn: &mut PgConnection,
    about: About,
    seq: i64,
    kind: Kind,
    actor: Uuid,
    changes: &[Change],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO activity (org_id, id, project_id, seq, task_id, comment_id, kind, actor_id, changes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        about.org_id,
        Uuid::now_v7(),
        about.project,
        seq,
        about.task,
        about.comment,
        kind.as_str(),
        actor,
        Json(changes) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first. `None`: no such task.
#[tracing::instrument(name = "db.activity.list", skip_all)]
pub async fn list(
    conn: &mut PgConnection,
    org_id: Uuid,
    task: &TaskId,
    before: Option<&SeqCursor>,
    limit: i64,
) -> sqlx::Result<Option<ActivityPage>> {
    let rows = sqlx::query!(
        r#"SELECT p.id AS project_id, s.last_seq, a.id AS "id?", a.seq AS "seq?", a.kind AS "kind?",
                  a.actor_id AS "actor_id?", a.comment_id, a.changes AS "changes?: Json<Vec<Change>>",
                  a.occurred_at AS "occurred_at?"
           FROM projects p
           JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
           JOIN scopes s ON s.id = p.id
           LEFT JOIN LATERAL (
               SELECT id, seq, kind, actor_id, comment_id, changes, occurred_at FROM activity
               WHERE org_id = $1 AND task_id = t.id AND seq < coalesce($4, 9223372036854775807)
               ORDER BY seq DESC LIMIT $5
           ) a ON true
           WHERE p.org_id = $1 AND p.key = $2 AND t.number = $3
           ORDER BY a.seq DESC"#,
        org_id,
        task.key,
        task.number,
        before.map(|cursor| cursor.seq),
        limit,
    )
    .fetch_all(conn)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let (project_id, last_seq) = (first.project_id, first.last_seq);
    let activities = rows
        .into_iter()
        .filter_map(|row| {
            Some(Activity {
                id: row.id?,
                seq: row.seq?,
                kind: row.kind?,
                actor_id: row.actor_id?,
                comment_id: row.comment_id,
                changes: row.changes?.0,
                occurred_at: row.occurred_at?,
            })
        })
        .collect();
    Ok(Some(ActivityPage { project_id, last_seq, activities }))
}
