//! A task, and the project as a task shows it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Fault, TaskId, invalid};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: Uuid,
    pub project: ProjectRef,
    /// Counts 1, 2, 3 … within the project; never used again.
    pub number: i64,
    pub title: String,
    pub description: String,
    pub status: TaskStatus,
    pub assignee_id: Option<Uuid>,
    pub due_date: Option<DateTime<Utc>>,
    pub comment_count: i64,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Counts the changes of the fields that a client can set.
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRef {
    /// Also the scope of the task's events.
    pub id: Uuid,
    pub slug: String,
    pub key: String,
    pub name: String,
}

impl Task {
    pub fn task_id(&self) -> TaskId {
        TaskId { key: self.project.key.clone(), number: self.number }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    Todo,
    InProgress,
    Done,
}

impl TaskStatus {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "TODO" => Ok(Self::Todo),
            "IN_PROGRESS" => Ok(Self::InProgress),
            "DONE" => Ok(Self::Done),
            _ => Err(invalid("must be one of TODO, IN_PROGRESS, DONE")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "TODO",
            Self::InProgress => "IN_PROGRESS",
            Self::Done => "DONE",
        }
    }

    /// What a task of this status adds to its project's `completed_task_count`.
    pub fn completed(self) -> i64 {
        i64::from(self == Self::Done)
    }
}
