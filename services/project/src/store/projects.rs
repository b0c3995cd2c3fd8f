//! Projects.

use futures_util::StreamExt;
use sqlx::PgConnection;
use trellis_eventlog::Reader;
use uuid::Uuid;

use super::{
    bounded::{self, ReadError, Room},
    rows::ProjectRow,
};
use crate::domain::{CreatedCursor, Project, Window};

/// By slug or key, which cannot be mistaken for each other; with the number of its last event, of the same moment. Says
/// itself whose rows it sees, as `tasks::find` does.
#[tracing::instrument(name = "db.projects.find", skip_all)]
pub async fn find(conn: &mut PgConnection, org_id: Uuid, word: &str) -> sqlx::Result<Option<(Project, i64)>> {
    let row = sqlx::query!(
        "SELECT found.*
         FROM (SELECT set_config('trellis.org', $1::uuid::text, true)::uuid AS org_id OFFSET 0) within
         CROSS JOIN LATERAL (
             SELECT p.id, p.name, p.slug, p.key, p.description, p.status, p.due_date, p.task_count,
                    p.completed_task_count, p.created_at, p.updated_at, p.version, s.last_seq
             FROM projects p JOIN scopes s ON s.id = p.id
             WHERE p.org_id = within.org_id AND (p.slug = $2 OR p.key = $2)
             OFFSET 0
         ) found",
        org_id,
        word,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let project = ProjectRow {
            id: row.id,
            name: row.name,
            slug: row.slug,
            key: row.key,
            description: row.description,
            status: row.status,
            due_date: row.due_date,
            task_count: row.task_count,
            completed_task_count: row.completed_task_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        };
        Ok((project.try_into()?, row.last_seq))
    })
    .transpose()
}

/// By id, for a write that holds the scope's lock.
#[tracing::instrument(name = "db.projects.current", skip_all)]
pub async fn current(conn: &mut PgConnection, org_id: Uuid, id: Uuid) -> sqlx::Result<Option<Project>> {
    sqlx::query_as!(
        ProjectRow,
        "SELECT id, name, slug, key, description, status, due_date, task_count, completed_task_count, created_at,
                updated_at, version
         FROM projects WHERE org_id = $1 AND id = $2",
        org_id,
        id,
    )
    .fetch_optional(conn)
    .await?
    .map(TryInto::try_into)
    .transpose()
}

/// The statement for one direction.
macro_rules! select {
    ($conn:ident, $org_id:ident, $window:ident: $beyond:literal, $begin:literal, $order:literal) => {
        sqlx::query_as!(
            ProjectRow,
            "SELECT id, name, slug, key, description, status, due_date, task_count, completed_task_count, created_at,
                    updated_at, version
             FROM projects WHERE org_id = $1 AND (created_at, id) "
                + $beyond
                + " (coalesce($2, '"
                + $begin
                + "'::timestamptz), $3) ORDER BY created_at "
                + $order
                + ", id "
                + $order
                + " LIMIT $4",
            $org_id,
            $window.from.as_ref().map(CreatedCursor::created_at),
            // No row has an infinite time: no id is compared.
            $window.from.as_ref().map_or(Uuid::nil(), |place| place.id),
            $window.rows(),
        )
        .fetch(&mut **$conn)
    };
}

/// In order of creation; read in the direction of the window.
#[tracing::instrument(name = "db.projects.list", skip_all)]
pub async fn list(conn: &mut Reader, org_id: Uuid, window: &Window<CreatedCursor>) -> Result<Vec<Project>, ReadError> {
    let rows = if window.backward {
        select!(conn, org_id, window: "<", "infinity", "DESC")
    } else {
        select!(conn, org_id, window: ">", "-infinity", "ASC")
    };
    let read = bounded::list(rows.map(|row| row?.try_into()), Room::of_list(window)).await;
    bounded::end(conn, read)
}

/// By their ids.
#[tracing::instrument(name = "db.projects.batch", skip_all)]
pub async fn batch(conn: &mut Reader, org_id: Uuid, ids: &[Uuid]) -> Result<Vec<Project>, ReadError> {
    let rows = sqlx::query_as!(
        ProjectRow,
        "SELECT id, name, slug, key, description, status, due_date, task_count, completed_task_count, created_at,
                updated_at, version
         FROM projects WHERE org_id = $1 AND id = ANY ($2)",
        org_id,
        ids,
    )
    .fetch(&mut **conn);
    let read = bounded::list(rows.map(|row| row?.try_into()), Room::of_pages()).await;
    bounded::end(conn, read)
}

/// The first of `candidates` that no project of the organization has as its slug. Under the tenant's lock.
#[tracing::instrument(name = "db.projects.free_slug", skip_all)]
pub async fn free_slug(conn: &mut PgConnection, org_id: Uuid, candidates: &[String]) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"SELECT candidate AS "candidate!" FROM unnest($2::text[]) WITH ORDINALITY AS c (candidate, place)
           WHERE NOT EXISTS (SELECT FROM projects WHERE org_id = $1 AND slug = candidate)
           ORDER BY place LIMIT 1"#,
        org_id,
        candidates,
    )
    .fetch_optional(conn)
    .await
}

/// The same for keys.
#[tracing::instrument(name = "db.projects.free_key", skip_all)]
pub async fn free_key(conn: &mut PgConnection, org_id: Uuid, candidates: &[String]) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"SELECT candidate AS "candidate!" FROM unnest($2::text[]) WITH ORDINALITY AS c (candidate, place)
           WHERE NOT EXISTS (SELECT FROM projects WHERE org_id = $1 AND key = candidate)
           ORDER BY place LIMIT 1"#,
        org_id,
        candidates,
    )
    .fetch_optional(conn)
    .await
}

/// Inserts it; the times are the database's and are filled in.
#[tracing::instrument(name = "db.projects.insert", skip_all)]
pub async fn insert(conn: &mut PgConnection, org_id: Uuid, project: &mut Project) -> sqlx::Result<()> {
    let made = sqlx::query!(
        "WITH moment AS (SELECT clock_timestamp() AS at)
         INSERT INTO projects (org_id, id, name, slug, key, description, status, due_date, created_at, updated_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, at, at FROM moment
         RETURNING created_at, version",
        org_id,
        project.id,
        project.name,
        project.slug,
        project.key,
        project.description,
        project.status.as_str(),
        project.due_date,
    )
    .fetch_one(conn)
    .await?;
    project.created_at = made.created_at;
    project.updated_at = made.created_at;
    project.version = made.version;
    Ok(())
}

/// Writes what a client can change, and fills in the new version.
#[tracing::instrument(name = "db.projects.update", skip_all)]
pub async fn update(conn: &mut PgConnection, org_id: Uuid, project: &mut Project) -> sqlx::Result<()> {
    let made = sqlx::query!(
        "UPDATE projects SET name = $3, slug = $4, description = $5, status = $6, due_date = $7,
                updated_at = clock_timestamp(), version = version + 1
         WHERE org_id = $1 AND id = $2
         RETURNING updated_at, version",
        org_id,
        project.id,
        project.name,
        project.slug,
        project.description,
        project.status.as_str(),
        project.due_date,
    )
    .fetch_one(conn)
    .await?;
    project.updated_at = made.updated_at;
    project.version = made.version;
    Ok(())
}

/// Deletes it with its tasks, comments and activity. For that, the time that other statements have may be too short.
#[tracing::instrument(name = "db.projects.delete", skip_all)]
pub async fn delete(conn: &mut PgConnection, org_id: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("SET LOCAL statement_timeout = '5min'").execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM projects WHERE org_id = $1 AND id = $2", org_id, id).execute(conn).await?;
    Ok(())
}
