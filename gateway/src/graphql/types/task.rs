//! Tasks.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::{event::v1::Position, project::v1 as proto};

use super::{Activity, Org, Project, TaskComment, TaskStatus, User, asks_only};
use crate::graphql::{
    connection::{self, Connection, Window},
    loaders::Loaders,
    scalars::DateTime,
};

/// A task.
pub struct Task {
    pub org: Org,
    pub task: proto::Task,
    /// The place in its project's order of events that this reflects, where that is known.
    pub position: Option<Position>,
}

/// A task.
#[Object]
impl Task {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.task.id.clone())
    }

    /// The project's key and a number: `WEB-1`. Arguments take it in any case.
    async fn task_id(&self) -> &str {
        &self.task.task_id
    }

    /// What is to be done, in a line.
    async fn title(&self) -> &str {
        &self.task.title
    }

    /// What is to be done, at length; may be empty.
    async fn description(&self) -> &str {
        &self.task.description
    }

    /// How it stands.
    async fn status(&self) -> TaskStatus {
        self.task.status().into()
    }

    /// Who works on it.
    async fn assignee(&self, ctx: &Context<'_>) -> Option<User> {
        match &*self.task.assignee_id {
            "" => None,
            id => Some(Loaders::of(ctx).person(id).await),
        }
    }

    /// By when.
    async fn due_date(&self) -> Option<DateTime> {
        DateTime::of(self.task.due_date.as_ref())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.task.created_at.as_ref())
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime::always(self.task.updated_at.as_ref())
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> User {
        Loaders::of(ctx).person(&self.task.created_by_id).await
    }

    /// How many comments it has.
    async fn comment_count(&self) -> u64 {
        self.task.comment_count
    }

    /// Whether one watches it, and so is told of its comments.
    async fn watching(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Loaders::of(ctx).watching(&self.org, &self.task.id).await?)
    }

    /// Counts its changes; for `expectedVersion`.
    async fn version(&self) -> u64 {
        self.task.version
    }

    /// The project that it belongs to.
    async fn project(&self, ctx: &Context<'_>) -> Result<Arc<Project>> {
        let known = self.task.project.clone().unwrap_or_default();
        if !asks_only(ctx, &["id", "slug", "key", "name"]) {
            return Ok(Loaders::of(ctx).project(&self.org, &known.id).await?);
        }
        let proto::ProjectRef { id, slug, key, name } = known;
        let project = proto::Project { id, slug, key, name, ..proto::Project::default() };
        Ok(Arc::new(Project { org: Org::clone(&self.org), project, position: None }))
    }

    /// Its comments, oldest first.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Arc<Connection<TaskComment>>>> {
        let window = Window::new(first, after, last, before)?;
        Ok(Some(Loaders::of(ctx).comments(&self.org, &self.task.id, window).await?))
    }

    /// Who changed what, newest first.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Arc<Connection<Activity>>>> {
        let window = Window::new(first, after, last, before)?;
        Ok(Some(Loaders::of(ctx).activity(&self.org, &self.task.id, window).await?))
    }

    /// What a subscription's `after` continues from without a gap; null where this was asked for in passing.
    async fn live_cursor(&self) -> Option<String> {
        connection::live_cursor(self.position.as_ref())
    }
}
