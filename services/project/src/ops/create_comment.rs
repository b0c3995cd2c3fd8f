//! Comments on a task.

use chrono::DateTime;
use trellis_authn::Caller;
use trellis_proto::project::v1::{CreateCommentRequest, CreateCommentResponse};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{Ops, event, seq, values::all_valid};
use crate::{
    domain::{self, Comment, Kind},
    error::{Error, Resource},
    store::comments,
    wire,
};

impl Ops {
    pub async fn create_comment(
        &self,
        caller: &Caller,
        request: CreateCommentRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<CreateCommentResponse>, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let once = Once::new(member.id(), key);
        if let Some(message) = once.look(&self.log).await? {
            return Ok(Answer::again(message));
        }
        let (task, _) = self.find_task(&member, &request.task_id).await?;
        let mut violations = Violations::new();
        let content = violations.check("content", domain::comment_text(&request.content));
        all_valid(violations)?;
        let mut comment = Comment {
            id: Uuid::now_v7(),
            project_id: task.project.id,
            task: task.id,
            task_id: task.task_id(),
            content: content.unwrap_or_default(),
            author_id: member.id(),
            created_at: DateTime::UNIX_EPOCH,
            edited_at: None,
        };

        let mut write = self.write(&member, comment.project_id).await?;
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return Ok(Answer::again(message));
        }
        let number = seq(&write);
        if !comments::insert(write.conn(), member.org_id(), &mut comment, number).await? {
            return Err(Error::NotFound(Resource::Task));
        }
        let response =
            CreateCommentResponse { comment: Some(wire::comment(&comment)), position: Some(write.position()) };
        once.keep(write.conn(), &response).await?;
        write.commit(event(Kind::CommentCreated, &member, Some(comment.task), wire::comment_event(&comment))).await?;
        Ok(Answer::first(response))
    }
}
