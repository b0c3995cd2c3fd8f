//! What was deleted but still has events: noted by the deletion, forgotten with its last event.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Project, Task};

/// Notes a task that is being deleted. `seq` is the deletion's number.
#[tracing::instrument(name = "db.deleted.task", skip_all)]
pub async fn note_task(conn: &mut PgConnection, org_id: Uuid, task: &Task, seq: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO deleted_tasks (org_id, id, project_id, key, number, seq) VALUES ($1, $2, $3, $4, $5, $6)",
        org_id,
        task.id,
        task.project.id,
        task.project.key,
        task.number,
        seq,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a project that is about to be deleted, and every task that goes with it.
#[tracing::instrument(name = "db.deleted.project", skip_all)]
pub async fn note_project(conn: &mut PgConnection, org_id: Uuid, project: &Project, seq: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH project AS (
             INSERT INTO deleted_projects (org_id, id, slug, key, seq) VALUES ($1, $2, $3, $4, $5)
         )
         INSERT INTO deleted_tasks (org_id, id, project_id, key, number, seq)
         SELECT org_id, id, project_id, $4, number, $5 FROM tasks WHERE org_id = $1 AND project_id = $2",
        org_id,
        project.id,
        project.slug,
        project.key,
        seq,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what has no event left: the scope's low-water mark has passed the deletion. Gives how many rows went.
///
/// The one statement across organizations: until the transaction ends, the policies of these two tables let it see and
/// delete rows of all.
#[tracing::instrument(name = "db.deleted.forget", skip_all)]
pub async fn forget(conn: &mut PgConnection) -> sqlx::Result<u64> {
    sqlx::query("SET LOCAL trellis.sweep = 'on'").execute(&mut *conn).await?;
    let done = sqlx::query!(
        "WITH tasks AS (
             DELETE FROM deleted_tasks d USING scopes s
             WHERE s.id = d.project_id AND s.low_water >= d.seq RETURNING d.id
         ), projects AS (
             DELETE FROM deleted_projects d USING scopes s
             WHERE s.id = d.id AND s.low_water >= d.seq RETURNING d.id
         )
         SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM projects) AS \"gone!\"",
    )
    .fetch_one(conn)
    .await?;
    Ok(done.gone.unsigned_abs())
}

/// Forgets everything of a deleted organization.
#[tracing::instrument(name = "db.deleted.forget_tenant", skip_all)]
pub async fn forget_tenant(conn: &mut PgConnection, org_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH tasks AS (DELETE FROM deleted_tasks WHERE org_id = $1) DELETE FROM deleted_projects WHERE org_id = $1",
        org_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
