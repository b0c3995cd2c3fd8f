//! What happened to a task.

use axum::extract::State;
use trellis_proto::project::v1::{ListActivityRequest, ListActivityResponse, Page};

use crate::{
    answer::{Answer, Outcome},
    app::App,
    auth::Member,
    json,
    params::{Params, TaskPath},
    query::{PageParams, Query},
};

/// Activity of a task
///
/// Who changed what, from what, to what; newest first.
#[utoipa::path(get, path = "/api/v1/organizations/{org}/tasks/{task_id}/activity", tag = "tasks",
    operation_id = "listActivity", params(PageParams), responses((status = 200, body = json::Page<json::Activity>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
    mut query: Query,
) -> Outcome<json::Page<json::Activity>> {
    let (limit, cursor) = query.page()?;
    let message = ListActivityRequest { org, task_id, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer =
        clients
            .read(&clients.project, &user, message, |mut project, request| async move {
                project.list_activity(request).await
            })
            .await?;
    let ListActivityResponse { activities, next_cursor, position, .. } = answer.into_inner();
    let ids: Vec<String> = activities.iter().flat_map(json::Activity::people).collect();
    let people = gateway.people.find(ids.iter().map(String::as_str)).await;
    let items = activities.into_iter().map(|activity| json::Activity::new(activity, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)).position(position.as_ref()))
}
