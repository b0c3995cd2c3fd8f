//! Rows as the database gives them, and how they become what the domain knows.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::domain::{Fault, Project, ProjectRef, ProjectStatus, Task, TaskStatus};

pub struct ProjectRow {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub key: String,
    pub description: String,
    pub status: String,
    pub due_date: Option<NaiveDate>,
    pub task_count: i64,
    pub completed_task_count: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

impl TryFrom<ProjectRow> for Project {
    type Error = sqlx::Error;

    fn try_from(row: ProjectRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            key: row.key,
            description: row.description,
            status: stored(ProjectStatus::parse(&row.status))?,
            due_date: row.due_date,
            task_count: row.task_count,
            completed_task_count: row.completed_task_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

/// A task with what it shows of its project.
#[derive(FromRow)]
pub struct TaskRow {
    pub id: Uuid,
    pub number: i64,
    pub title: String,
    pub description: String,
    pub status: String,
    pub assignee_id: Option<Uuid>,
    pub due_date: Option<DateTime<Utc>>,
    pub comment_count: i64,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
    pub project_id: Uuid,
    pub project_slug: String,
    pub project_key: String,
    pub project_name: String,
}

impl TryFrom<TaskRow> for Task {
    type Error = sqlx::Error;

    fn try_from(row: TaskRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            project: ProjectRef {
                id: row.project_id,
                slug: row.project_slug,
                key: row.project_key,
                name: row.project_name,
            },
            number: row.number,
            title: row.title,
            description: row.description,
            status: stored(TaskStatus::parse(&row.status))?,
            assignee_id: row.assignee_id,
            due_date: row.due_date,
            comment_count: row.comment_count,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

/// The tables' CHECKs allow only what parses.
fn stored<T>(parsed: Result<T, Fault>) -> Result<T, sqlx::Error> {
    parsed.map_err(|(_, message)| sqlx::Error::Decode(message.into()))
}
