//! Comments of a task.

use axum::extract::State;
use trellis_proto::{
    event::v1::Position,
    project::v1::{
        Comment, CreateCommentRequest, DeleteCommentRequest, ListCommentsRequest, ListCommentsResponse, Page,
        UpdateCommentRequest,
    },
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::{App, Gateway},
    auth::Member,
    body::Input,
    json,
    params::{IdPath, Params, TaskPath},
    query::{PageParams, Query},
};

/// Comments of a task
///
/// Oldest first.
#[utoipa::path(get, path = "/api/v1/organizations/{org}/tasks/{task_id}/comments", tag = "comments",
    operation_id = "listComments", params(PageParams), responses((status = 200, body = json::Page<json::Comment>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
    mut query: Query,
) -> Outcome<json::Page<json::Comment>> {
    let (limit, cursor) = query.page()?;
    let message = ListCommentsRequest { org, task_id, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer =
        clients
            .read(&clients.project, &user, message, |mut project, request| async move {
                project.list_comments(request).await
            })
            .await?;
    let ListCommentsResponse { comments, next_cursor, position, .. } = answer.into_inner();
    let people = gateway.people.find(comments.iter().flat_map(json::Comment::people)).await;
    let items = comments.into_iter().map(|comment| json::Comment::new(comment, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)).position(position.as_ref()))
}

crate::body! {
    pub struct NewComment {
        /// Not blank.
        #[schema(min_length = 1, max_length = 20000)]
        content: String,
    }
}

/// Comment on a task
#[utoipa::path(post, path = "/api/v1/organizations/{org}/tasks/{task_id}/comments", tag = "comments",
    operation_id = "createComment", request_body = NewComment, responses((status = 201, body = json::Comment)))]
pub async fn create(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
    Input { value, sent }: Input<NewComment>,
) -> Outcome<json::Comment> {
    let location = format!("/api/v1/organizations/{org}/comments");
    let message = CreateCommentRequest { org, task_id, content: value.content };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.project.clone().create_comment(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let answer = answer.into_inner();
    let comment = answer.comment.unwrap_or_default();
    let location = format!("{location}/{}", comment.id);
    let created = |body| Answer::created(&location, body);
    Ok(shown(&gateway, comment, answer.position.as_ref(), created).await.replayed(replayed))
}

crate::body! {
    /// Only what is sent is changed.
    pub struct CommentChanges {
        #[schema(nullable = false, min_length = 1, max_length = 20000)]
        content: Option<String>,
    }
}

/// Edit a comment
///
/// For its author.
#[utoipa::path(patch, path = "/api/v1/organizations/{org}/comments/{id}", tag = "comments",
    operation_id = "updateComment", request_body = CommentChanges, responses((status = 200, body = json::Comment)))]
pub async fn update(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(IdPath { id }): Params<IdPath>,
    Input { value, sent }: Input<CommentChanges>,
) -> Outcome<json::Comment> {
    let message = UpdateCommentRequest { org, id, content: value.content };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.project.clone().update_comment(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?.into_inner();
    Ok(shown(&gateway, answer.comment.unwrap_or_default(), answer.position.as_ref(), Answer::ok).await)
}

/// Delete a comment
///
/// For its author and for ADMINs.
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/comments/{id}", tag = "comments",
    operation_id = "deleteComment", responses((status = 204)))]
pub async fn delete(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(IdPath { id }): Params<IdPath>,
) -> Outcome<Nothing> {
    let request = user.request(DeleteCommentRequest { org, id });
    let answer = gateway.clients.project.clone().delete_comment(request).await?;
    Ok(Answer::no_content().position(answer.into_inner().position.as_ref()))
}

async fn shown(
    gateway: &Gateway,
    comment: Comment,
    position: Option<&Position>,
    answer: impl FnOnce(json::Comment) -> Answer<json::Comment>,
) -> Answer<json::Comment> {
    let people = gateway.people.find(json::Comment::people(&comment)).await;
    answer(json::Comment::new(comment, &people)).position(position)
}
