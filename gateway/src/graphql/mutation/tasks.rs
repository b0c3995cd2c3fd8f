//! Tasks.

use async_graphql::{Context, Object};
use trellis_proto::project::v1::DeleteTaskRequest;

use crate::graphql::{Refusal, Viewer};

crate::payload! {
    /// What deleting a task gives back.
    pub struct DeleteTaskPayload {}
}

#[derive(Default)]
pub struct Tasks;

#[Object]
impl Tasks {
    /// Deletes a task with its comments.
    async fn delete_task(
        &self,
        ctx: &Context<'_>,
        task_id: String,
        org_slug: String,
        expected_version: Option<u64>,
    ) -> Option<DeleteTaskPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = DeleteTaskRequest { org: org_slug, task_id, expected_version };
            viewer.clients().project.clone().delete_task(viewer.user()?.request(message)).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}
