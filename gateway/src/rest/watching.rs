//! `/organizations/{org}/tasks/{task_id}/watch`: whether one is notified of a task's comments.

use axum::extract::State;
use trellis_proto::project::v1::{GetWatchRequest, UnwatchTaskRequest, WatchTaskRequest};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::Member,
    json,
    params::{Params, TaskPath},
};

/// Whether I watch a task
#[utoipa::path(get, path = "/api/v1/organizations/{org}/tasks/{task_id}/watch", tag = "notifications",
    operation_id = "getWatch", responses((status = 200, body = json::Watch)))]
pub async fn show(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
) -> Outcome<json::Watch> {
    let clients = &gateway.clients;
    let message = GetWatchRequest { org, task_id };
    let answer = clients
        .read(&clients.project, &user, message, |mut project, request| async move { project.get_watch(request).await })
        .await?;
    Ok(Answer::ok(json::Watch { watching: answer.into_inner().watching }))
}

/// Watch a task
///
/// Its comments notify me from now on. Who made a task, is assigned to it or commented on it is notified in any case.
#[utoipa::path(put, path = "/api/v1/organizations/{org}/tasks/{task_id}/watch", tag = "notifications",
    operation_id = "watchTask", responses((status = 204)))]
pub async fn watch(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
) -> Outcome<Nothing> {
    let request = user.request(WatchTaskRequest { org, task_id });
    gateway.clients.project.clone().watch_task(request).await?;
    Ok(Answer::no_content())
}

/// Watch a task no more
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/tasks/{task_id}/watch", tag = "notifications",
    operation_id = "unwatchTask", responses((status = 204)))]
pub async fn unwatch(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
) -> Outcome<Nothing> {
    let request = user.request(UnwatchTaskRequest { org, task_id });
    gateway.clients.project.clone().unwatch_task(request).await?;
    Ok(Answer::no_content())
}
