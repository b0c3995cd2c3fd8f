//! Projects.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::{event::v1::Position, project::v1 as proto};

use super::{Org, Organization, ProjectStatus, Task, TaskFilter, TaskList, TaskOrder};
use crate::graphql::{
    connection::{self, Connection, Window},
    loaders::Loaders,
    scalars::{Date, DateTime},
};

/// A project.
pub struct Project {
    pub org: Org,
    pub project: proto::Project,
    /// The place in its order of events that this reflects, where that is known.
    pub position: Option<Position>,
}

/// A project of an organization.
#[Object]
impl Project {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.project.id.clone())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.project.name
    }

    /// Its name in addresses; unique in the organization.
    async fn slug(&self) -> &str {
        &self.project.slug
    }

    /// What the ids of its tasks begin with: `WEB`. It never changes.
    async fn key(&self) -> &str {
        &self.project.key
    }

    /// What it is about; may be empty.
    async fn description(&self) -> &str {
        &self.project.description
    }

    /// How it stands.
    async fn status(&self) -> ProjectStatus {
        self.project.status().into()
    }

    /// By when.
    async fn due_date(&self) -> Option<Date> {
        Date::of(&self.project.due_date)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.project.created_at.as_ref())
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime::always(self.project.updated_at.as_ref())
    }

    /// How many tasks it has.
    async fn task_count(&self) -> u64 {
        self.project.task_count
    }

    /// How many of them are done.
    async fn completed_tasks(&self) -> u64 {
        self.project.completed_task_count
    }

    /// Counts its changes; for `expectedVersion`.
    async fn version(&self) -> u64 {
        self.project.version
    }

    /// The organization that it belongs to.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Arc<Organization>> {
        Ok(Loaders::of(ctx).organization(&self.org).await?)
    }

    /// Its tasks, oldest first if no order is given.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments)]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
        #[graphql(desc = "Which tasks.")] filter: Option<TaskFilter>,
        #[graphql(desc = "In what order.")] order_by: Option<TaskOrder>,
    ) -> Result<Option<Arc<Connection<Task>>>> {
        let (window, which) = (Window::new(first, after, last, before)?, TaskList::new(filter, order_by)?);
        Ok(Some(Loaders::of(ctx).tasks(&self.org, &self.project.id, window, which).await?))
    }

    /// What a subscription's `after` continues from without a gap; null where this was asked for in passing.
    async fn live_cursor(&self) -> Option<String> {
        connection::live_cursor(self.position.as_ref())
    }
}
