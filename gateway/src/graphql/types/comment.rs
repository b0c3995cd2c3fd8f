//! Comments.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::project::v1 as proto;

use super::{Org, Task, User, asks_only};
use crate::graphql::{loaders::Loaders, scalars::DateTime};

/// A comment on a task.
pub struct TaskComment {
    pub org: Org,
    pub comment: proto::Comment,
    /// The UUID of its task, where that is known.
    pub task: Option<String>,
}

/// A comment on a task.
#[Object]
impl TaskComment {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.comment.id.clone())
    }

    /// What it says.
    async fn content(&self) -> &str {
        &self.comment.content
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> User {
        Loaders::of(ctx).person(&self.comment.author_id).await
    }

    /// When it was written.
    async fn timestamp(&self) -> DateTime {
        DateTime::always(self.comment.created_at.as_ref())
    }

    /// When it was last edited.
    async fn edited_at(&self) -> Option<DateTime> {
        DateTime::of(self.comment.edited_at.as_ref())
    }

    /// The task that it is about.
    async fn task(&self, ctx: &Context<'_>) -> Result<Arc<Task>> {
        let known = match &self.task {
            Some(_) => &["id", "taskId"][..],
            None => &["taskId"],
        };
        if !asks_only(ctx, known) {
            return Ok(Loaders::of(ctx).task(&self.org, &self.comment.task_id).await?);
        }
        let (id, task_id) = (self.task.clone().unwrap_or_default(), self.comment.task_id.clone());
        let task = proto::Task { id, task_id, ..proto::Task::default() };
        Ok(Arc::new(Task { org: Org::clone(&self.org), task, position: None }))
    }
}
