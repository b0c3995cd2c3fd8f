//! Projects.

use async_graphql::{ID, Object};
use trellis_proto::{event::v1::Position, project::v1 as proto};

use super::Org;

/// A project.
pub struct Project {
    pub org: Org,
    pub project: proto::Project,
    /// The place in its order of events that this reflects, where that is known.
    pub position: Option<Position>,
}

#[Object]
impl Project {
    async fn id(&self) -> ID {
        ID(self.project.id.clone())
    }
}
