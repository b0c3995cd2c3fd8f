//! Comments.

use async_graphql::{Context, ID, Object};
use trellis_proto::project::v1::{CreateCommentRequest, DeleteCommentRequest, UpdateCommentRequest};

use crate::graphql::{Refusal, Viewer, connection::live_cursor, types::TaskComment};

crate::payload! {
    /// What commenting on a task gives back.
    pub struct CreateTaskCommentPayload {
        /// The new comment.
        comment: Option<TaskComment>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What editing a comment gives back.
    pub struct UpdateTaskCommentPayload {
        /// The comment as it is now.
        comment: Option<TaskComment>,
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

crate::payload! {
    /// What deleting a comment gives back.
    pub struct DeleteTaskCommentPayload {
        /// The place in the project's order of events that this write took; what a subscription continues from.
        live_cursor: Option<String>,
    }
}

#[derive(Default)]
pub struct CommentMutations;

#[Object]
impl CommentMutations {
    /// Comments on a task.
    async fn create_task_comment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Such as `WEB-1`, in any case.")] task_id: String,
        #[graphql(desc = "Not blank, at most 20,000 characters.")] content: String,
    ) -> Option<CreateTaskCommentPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = CreateCommentRequest { org: org_slug.clone(), task_id, content };
            let request = viewer.request(ctx, message)?;
            let answer = viewer.clients().project.clone().create_comment(request).await?.into_inner();
            let comment = TaskComment { org: org_slug.into(), comment: answer.comment.unwrap_or_default(), task: None };
            Ok::<_, Refusal>((Some(comment), live_cursor(answer.position.as_ref())))
        };
        Some(outcome.await.into())
    }

    /// Edits a comment; for its author.
    async fn update_task_comment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "The comment.")] id: ID,
        #[graphql(desc = "Not blank, at most 20,000 characters.")] content: String,
    ) -> Option<UpdateTaskCommentPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = UpdateCommentRequest { org: org_slug.clone(), id: id.0, content: Some(content) };
            let request = viewer.user()?.request(message);
            let answer = viewer.clients().project.clone().update_comment(request).await?.into_inner();
            let comment = TaskComment { org: org_slug.into(), comment: answer.comment.unwrap_or_default(), task: None };
            Ok::<_, Refusal>((Some(comment), live_cursor(answer.position.as_ref())))
        };
        Some(outcome.await.into())
    }

    /// Deletes a comment; for its author and for ADMINs.
    async fn delete_task_comment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "The comment.")] id: ID,
    ) -> Option<DeleteTaskCommentPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(DeleteCommentRequest { org: org_slug, id: id.0 });
            let answer = viewer.clients().project.clone().delete_comment(request).await?.into_inner();
            Ok::<_, Refusal>((live_cursor(answer.position.as_ref()),))
        };
        Some(outcome.await.into())
    }
}
