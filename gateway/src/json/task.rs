//! Tasks.

use serde::Serialize;
use trellis_proto::project::v1 as project;
use utoipa::ToSchema;

use super::{Person, ProjectRef, Time};
use crate::people::Found;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskStatus {
    Todo,
    InProgress,
    Done,
}

impl From<project::TaskStatus> for TaskStatus {
    fn from(status: project::TaskStatus) -> Self {
        match status {
            project::TaskStatus::Unspecified | project::TaskStatus::Todo => Self::Todo,
            project::TaskStatus::InProgress => Self::InProgress,
            project::TaskStatus::Done => Self::Done,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    #[schema(format = Uuid)]
    pub id: String,
    /// The project's key and a number.
    #[schema(example = "WEB-1")]
    pub task_id: String,
    pub project: ProjectRef,
    pub title: String,
    pub description: String,
    pub status: TaskStatus,
    #[schema(required)]
    pub assignee: Option<Person>,
    #[schema(required)]
    pub due_date: Option<Time>,
    pub comment_count: u64,
    pub created_by: Person,
    pub created_at: Time,
    pub updated_at: Time,
    /// The value of its `ETag`.
    pub version: u64,
}

impl Task {
    pub fn new(task: project::Task, people: &Found) -> Self {
        Self {
            status: task.status().into(),
            assignee: (!task.assignee_id.is_empty()).then(|| people.person(&task.assignee_id)),
            due_date: Time::of(task.due_date.as_ref()),
            created_by: people.person(&task.created_by_id),
            created_at: Time::always(task.created_at.as_ref()),
            updated_at: Time::always(task.updated_at.as_ref()),
            project: task.project.unwrap_or_default().into(),
            id: task.id,
            task_id: task.task_id,
            title: task.title,
            description: task.description,
            comment_count: task.comment_count,
            version: task.version,
        }
    }

    /// The ids of the people to look up before encoding.
    pub fn people(task: &project::Task) -> [&str; 2] {
        [&task.assignee_id, &task.created_by_id]
    }
}
