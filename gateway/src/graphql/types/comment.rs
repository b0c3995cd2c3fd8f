//! Comments.

use async_graphql::{ID, Object};
use trellis_proto::project::v1 as proto;

use super::Org;

/// A comment on a task.
pub struct TaskComment {
    pub org: Org,
    pub comment: proto::Comment,
}

#[Object]
impl TaskComment {
    async fn id(&self) -> ID {
        ID(self.comment.id.clone())
    }
}
