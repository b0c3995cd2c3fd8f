//! Reads, edits and deletes comments.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    DeleteCommentRequest, DeleteCommentResponse, ListCommentsRequest, ListCommentsResponse, UpdateCommentRequest,
    UpdateCommentResponse,
};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{
    Member, Ops, event, seq,
    tasks::task_name,
    values::{all_valid, sent, window},
};
use crate::{
    domain::{self, Comment, CreatedCursor, Kind, Window},
    error::{Error, Resource},
    store::{activity, bounded::Of, comment_list, comments, tasks::Which},
    wire,
};

impl Ops {
    pub async fn list_comments(
        &self,
        caller: &Caller,
        request: ListCommentsRequest,
    ) -> Result<ListCommentsResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let window = window(request.page.as_ref(), CreatedCursor::parse)?;
        let task = task_name(&request.task_id)?;
        let mut conn = self.reader(&member).await?;
        let mut found = comment_list::of_tasks(&mut conn, member.org_id(), Which::Named(&task), &window).await?;
        Ok(self.show_comments(found.pop().ok_or(Error::NotFound(Resource::Task))?, &window))
    }

    pub(super) fn show_comments(&self, of: Of<Comment>, window: &Window<CreatedCursor>) -> ListCommentsResponse {
        let shown = window.show(of.rows, |comment| CreatedCursor::new(comment.created_at, comment.id).encode());
        ListCommentsResponse {
            comments: shown.items.iter().map(wire::comment).collect(),
            next_cursor: shown.next_cursor,
            cursors: shown.cursors,
            position: Some(self.log.position(of.parent.scope, of.parent.last_seq)),
        }
    }

    pub async fn update_comment(
        &self,
        caller: &Caller,
        request: UpdateCommentRequest,
    ) -> Result<UpdateCommentResponse, Error> {
        let gone = || Error::NotFound(Resource::Comment);
        let member = self.authorize(caller, &request.org).await?;
        let found = self.find_comment(&member, &request.id).await?;
        if found.author_id != member.id() {
            return Err(Error::Forbidden);
        }
        let mut violations = Violations::new();
        let content = sent(&mut violations, "content", request.content.as_deref(), domain::comment_text);
        all_valid(violations)?;

        let mut write = self.write(&member, found.project_id).await?;
        let mut comment = comments::find(write.conn(), member.org_id(), found.id).await?.ok_or_else(gone)?;
        let Some(content) = content.filter(|content| *content != comment.content) else {
            let position = write.unchanged().await?;
            return Ok(UpdateCommentResponse { comment: Some(wire::comment(&comment)), position: Some(position) });
        };
        comment.content = content;
        let number = seq(&write);
        comments::update(write.conn(), member.org_id(), &mut comment, number).await?;
        // What it said before is not kept: people edit to take something back.
        activity::add(write.conn(), about(&member, &comment), number, Kind::CommentUpdated, member.id(), &[]).await?;
        let payload = wire::comment_event(&comment);
        let position = write.commit(event(Kind::CommentUpdated, &member, Some(comment.task), payload)).await?;
        Ok(UpdateCommentResponse { comment: Some(wire::comment(&comment)), position: Some(position) })
    }

    pub async fn delete_comment(
        &self,
        caller: &Caller,
        request: DeleteCommentRequest,
    ) -> Result<DeleteCommentResponse, Error> {
        let gone = || Error::NotFound(Resource::Comment);
        let member = self.authorize(caller, &request.org).await?;
        let found = self.find_comment(&member, &request.id).await?;
        if found.author_id != member.id() && !member.is_admin() {
            return Err(Error::Forbidden);
        }

        let mut write = self.write(&member, found.project_id).await?;
        let comment = comments::find(write.conn(), member.org_id(), found.id).await?.ok_or_else(gone)?;
        comments::delete(write.conn(), member.org_id(), comment.id).await?;
        let number = seq(&write);
        activity::add(write.conn(), about(&member, &comment), number, Kind::CommentDeleted, member.id(), &[]).await?;
        let payload = wire::comment_event(&comment);
        let position = write.commit(event(Kind::CommentDeleted, &member, Some(comment.task), payload)).await?;
        Ok(DeleteCommentResponse { position: Some(position) })
    }

    async fn find_comment(&self, member: &Member<'_>, id: &str) -> Result<Comment, Error> {
        let gone = || Error::NotFound(Resource::Comment);
        let id = Uuid::try_parse(id).map_err(|_| gone())?;
        comments::find(&mut *self.reader(member).await?, member.org_id(), id).await?.ok_or_else(gone)
    }
}

fn about(member: &Member<'_>, comment: &Comment) -> activity::About {
    activity::About {
        org_id: member.org_id(),
        project: comment.project_id,
        task: Some(comment.task),
        comment: Some(comment.id),
    }
}
