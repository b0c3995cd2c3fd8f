//! A comment on a task.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::TaskId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: Uuid,
    /// The scope of its events.
    pub project_id: Uuid,
    /// The task's own id; `task_id` is its name.
    pub task: Uuid,
    pub task_id: TaskId,
    pub content: String,
    pub author_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
}
