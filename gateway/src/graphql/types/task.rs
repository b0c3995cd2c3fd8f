//! Tasks.

use async_graphql::{ID, Object};
use trellis_proto::{event::v1::Position, project::v1 as proto};

use super::Org;

/// A task.
pub struct Task {
    pub org: Org,
    pub task: proto::Task,
    /// The place in its project's order of events that this reflects, where that is known.
    pub position: Option<Position>,
}

#[Object]
impl Task {
    async fn id(&self) -> ID {
        ID(self.task.id.clone())
    }
}
