//! Tasks, with the counters and the numbering of their project. Lists are in `task_list`.

use futures_util::StreamExt;
use sqlx::PgConnection;
use trellis_eventlog::Reader;
use uuid::Uuid;

use super::{
    bounded::{self, ReadError, Room},
    rows::TaskRow,
    undigested::may_mention,
};
use crate::domain::{Kind, ProjectRef, Task, TaskId};

/// Of which tasks something is read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    Named(&'a TaskId),
    Ids(&'a [Uuid]),
}

impl<'a> Which<'a> {
    pub fn ids(self) -> Option<&'a [Uuid]> {
        if let Self::Ids(ids) = self { Some(ids) } else { None }
    }

    pub fn key(self) -> Option<&'a str> {
        if let Self::Named(id) = self { Some(&id.key) } else { None }
    }

    pub fn number(self) -> Option<i64> {
        if let Self::Named(id) = self { Some(id.number) } else { None }
    }
}

/// By its name, with the number of its project's last event, of the same moment.
///
/// The most frequent read of all. It says itself whose rows it sees, because a transaction around it would cost as much
/// as it does. The row that says it is made first: what reads depends on it (`LATERAL`), and `OFFSET 0` keeps the planner
/// from taking the two apart. Were it otherwise one day, nothing would be found: the policies fail closed.
#[tracing::instrument(name = "db.tasks.find", skip_all)]
pub async fn find(conn: &mut PgConnection, org_id: Uuid, id: &TaskId) -> sqlx::Result<Option<(Task, i64)>> {
    let row = sqlx::query!(
        "SELECT found.*
         FROM (SELECT set_config('trellis.org', $1::uuid::text, true)::uuid AS org_id OFFSET 0) within
         CROSS JOIN LATERAL (
             SELECT t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count,
                    t.created_by, t.created_at, t.updated_at, t.version, p.id AS project_id, p.slug AS project_slug,
                    p.key AS project_key, p.name AS project_name, s.last_seq
             FROM projects p
             JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
             JOIN scopes s ON s.id = p.id
             WHERE p.org_id = within.org_id AND p.key = $2 AND t.number = $3
             OFFSET 0
         ) found",
        org_id,
        id.key,
        id.number,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let task = TaskRow {
            id: row.id,
            number: row.number,
            title: row.title,
            description: row.description,
            status: row.status,
            assignee_id: row.assignee_id,
            due_date: row.due_date,
            comment_count: row.comment_count,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
            project_id: row.project_id,
            project_slug: row.project_slug,
            project_key: row.project_key,
            project_name: row.project_name,
        };
        Ok((task.try_into()?, row.last_seq))
    })
    .transpose()
}

/// By their names.
#[tracing::instrument(name = "db.tasks.batch", skip_all)]
pub async fn batch(conn: &mut Reader, org_id: Uuid, keys: &[String], numbers: &[i64]) -> Result<Vec<Task>, ReadError> {
    let rows = sqlx::query_as!(
        TaskRow,
        "SELECT t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count,
                t.created_by, t.created_at, t.updated_at, t.version,
                p.id AS project_id, p.slug AS project_slug, p.key AS project_key, p.name AS project_name
         FROM unnest($2::text[], $3::bigint[]) AS asked (key, number)
         JOIN projects p ON p.org_id = $1 AND p.key = asked.key
         JOIN tasks t ON t.org_id = $1 AND t.project_id = p.id AND t.number = asked.number",
        org_id,
        keys,
        numbers,
    )
    .fetch(&mut **conn);
    let read = bounded::list(rows.map(|row| row?.try_into()), Room::of_pages()).await;
    bounded::end(conn, read)
}

/// By id, for a write that holds the scope's lock.
#[tracing::instrument(name = "db.tasks.current", skip_all)]
pub async fn current(conn: &mut PgConnection, org_id: Uuid, id: Uuid) -> sqlx::Result<Option<Task>> {
    sqlx::query_as!(
        TaskRow,
        "SELECT t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count,
                t.created_by, t.created_at, t.updated_at, t.version,
                p.id AS project_id, p.slug AS project_slug, p.key AS project_key, p.name AS project_name
         FROM tasks t JOIN projects p ON p.org_id = t.org_id AND p.id = t.project_id
         WHERE t.org_id = $1 AND t.id = $2",
        org_id,
        id,
    )
    .fetch_optional(conn)
    .await?
    .map(TryInto::try_into)
    .transpose()
}

/// Takes the next number, inserts the task, counts it and notes the activity, in one statement. Fills in what the
/// database decides: number, times, the project as it is now. False: the project is gone.
#[tracing::instrument(name = "db.tasks.insert", skip_all)]
pub async fn insert(conn: &mut PgConnection, org_id: Uuid, task: &mut Task, seq: i64) -> sqlx::Result<bool> {
    let made = sqlx::query!(
        "WITH project AS (
             UPDATE projects
             SET last_number = last_number + 1, task_count = task_count + 1,
                 completed_task_count = completed_task_count + $8
             WHERE org_id = $1 AND id = $2
             RETURNING slug, key, name, last_number, clock_timestamp() AS at
         ), task AS (
             INSERT INTO tasks (org_id, project_id, id, number, title, description, status, assignee_id, due_date,
                                created_by, created_at, updated_at)
             SELECT $1, $2, $3, last_number, $4, $5, $6, $7, $9, $10, at, at FROM project
             RETURNING number, created_at, version
         ), noted AS (
             INSERT INTO activity (org_id, id, project_id, seq, task_id, kind, actor_id, occurred_at)
             SELECT $1, $11, $2, $12, $3, $13, $10, created_at FROM task
         ), queued AS (
             INSERT INTO undigested (organization_id, scope, seq) SELECT $1, $2, $12 FROM task WHERE $14::boolean
         )
         SELECT task.number, task.created_at, task.version, project.slug, project.key, project.name
         FROM task, project",
        org_id,
        task.project.id,
        task.id,
        task.title,
        task.description,
        task.status.as_str(),
        task.assignee_id,
        task.status.completed(),
        task.due_date,
        task.created_by,
        Uuid::now_v7(),
        seq,
        Kind::TaskCreated.as_str(),
        task.assignee_id.is_some() || may_mention(&task.description),
    )
    .fetch_optional(conn)
    .await?;
    let Some(made) = made else {
        return Ok(false);
    };
    task.number = made.number;
    task.created_at = made.created_at;
    task.updated_at = made.created_at;
    task.version = made.version;
    task.project = ProjectRef { id: task.project.id, slug: made.slug, key: made.key, name: made.name };
    Ok(true)
}

/// What an update does beside the task itself.
#[derive(Debug, Clone, Copy)]
pub struct Effects {
    /// What it adds to the project's count of completed tasks.
    pub completed: i64,
    /// Whether somebody may have to be told.
    pub news: bool,
}

/// Writes what a client can change, and fills in the new version.
#[tracing::instrument(name = "db.tasks.update", skip_all)]
pub async fn update(
    conn: &mut PgConnection,
    org_id: Uuid,
    task: &mut Task,
    seq: i64,
    effects: Effects,
) -> sqlx::Result<()> {
    let made = sqlx::query!(
        "WITH counted AS (
             UPDATE projects SET completed_task_count = completed_task_count + $9::bigint
             WHERE org_id = $1 AND id = $8 AND $9::bigint <> 0
         ), queued AS (
             INSERT INTO undigested (organization_id, scope, seq) SELECT $1, $8, $10 WHERE $11::boolean
         )
         UPDATE tasks SET title = $3, description = $4, status = $5, assignee_id = $6, due_date = $7,
                updated_at = clock_timestamp(), version = version + 1
         WHERE org_id = $1 AND id = $2
         RETURNING updated_at, version",
        org_id,
        task.id,
        task.title,
        task.description,
        task.status.as_str(),
        task.assignee_id,
        task.due_date,
        task.project.id,
        effects.completed,
        seq,
        effects.news,
    )
    .fetch_one(conn)
    .await?;
    task.updated_at = made.updated_at;
    task.version = made.version;
    Ok(())
}

/// Deletes it with its comments.
#[tracing::instrument(name = "db.tasks.delete", skip_all)]
pub async fn delete(conn: &mut PgConnection, org_id: Uuid, task: &Task) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM tasks WHERE org_id = $1 AND id = $2 RETURNING project_id)
         UPDATE projects p SET task_count = task_count - 1, completed_task_count = completed_task_count - $3
         FROM gone WHERE p.org_id = $1 AND p.id = gone.project_id",
        org_id,
        task.id,
        task.status.completed(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
