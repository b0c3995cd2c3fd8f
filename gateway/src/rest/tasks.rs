//! `/organizations/{org}/tasks`, and those of one project.

use axum::extract::State;
use trellis_proto::{
    event::v1::Position,
    project::v1::{
        CreateTaskRequest, DeleteTaskRequest, GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse,
        Page, Task, UpdateTaskRequest,
    },
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::{App, Gateway},
    auth::Member,
    body::{Clearable, Input},
    conditional::IfMatch,
    json,
    params::{Params, ProjectPath, TaskPath},
    problem::Problem,
    query::{PageParams, Query, TaskParams},
};

/// Tasks of an organization
#[utoipa::path(get, path = "/api/v1/organizations/{org}/tasks", tag = "tasks", operation_id = "listTasks",
    params(PageParams, TaskParams), responses((status = 200, body = json::Page<json::Task>)))]
pub async fn list(State(gateway): State<App>, member: Member, query: Query) -> Outcome<json::Page<json::Task>> {
    listed(&gateway, member, String::new(), query).await
}

/// Tasks of a project
#[utoipa::path(get, path = "/api/v1/organizations/{org}/projects/{project}/tasks", tag = "tasks",
    operation_id = "listTasksOfProject", params(PageParams, TaskParams),
    responses((status = 200, body = json::Page<json::Task>)))]
pub async fn list_of_project(
    State(gateway): State<App>,
    member: Member,
    Params(ProjectPath { project }): Params<ProjectPath>,
    query: Query,
) -> Outcome<json::Page<json::Task>> {
    listed(&gateway, member, project, query).await
}

async fn listed(
    gateway: &Gateway,
    Member { user, org }: Member,
    project: String,
    mut query: Query,
) -> Outcome<json::Page<json::Task>> {
    let (limit, cursor) = query.page()?;
    let message = ListTasksRequest {
        org,
        project,
        page: Some(Page { limit, cursor, ..Page::default() }),
        status: query.take("status"),
        assignee: query.take("assignee"),
        q: query.take("q"),
        due_before: query.take("due_before"),
        due_after: query.take("due_after"),
        sort: query.take("sort"),
    };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.project, &user, message, |mut project, request| async move { project.list_tasks(request).await })
        .await?;
    let ListTasksResponse { tasks, next_cursor, position, .. } = answer.into_inner();
    let people = gateway.people.find(tasks.iter().flat_map(json::Task::people)).await;
    let items = tasks.into_iter().map(|task| json::Task::new(task, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)).position(position.as_ref()))
}

crate::body! {
    /// A new task.
    pub struct NewTask {
        #[schema(min_length = 1, max_length = 200)]
        title: String,
        #[schema(nullable = false, max_length = 20000)]
        description: Option<String>,
        /// TODO where not given.
        #[schema(nullable = false, value_type = Option<json::TaskStatus>)]
        status: Option<String>,
        /// A member of the organization; at most one of `assignee_id` and `assignee_email`.
        #[schema(value_type = Option<String>, format = Uuid)]
        assignee_id: Clearable,
        #[schema(value_type = Option<String>, format = Email)]
        assignee_email: Clearable,
        /// A date (00:00 UTC) or a date-time.
        #[schema(value_type = Option<String>, example = "2026-01-31T17:00:00Z")]
        due_date: Clearable,
    }
}

/// Create a task
#[utoipa::path(post, path = "/api/v1/organizations/{org}/projects/{project}/tasks", tag = "tasks",
    operation_id = "createTask", request_body = NewTask, responses((status = 201, body = json::Task)))]
pub async fn create(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(ProjectPath { project }): Params<ProjectPath>,
    Input { value, sent }: Input<NewTask>,
) -> Outcome<json::Task> {
    let location = format!("/api/v1/organizations/{org}/tasks");
    let NewTask { title, description, status, assignee_id, assignee_email, due_date } = value;
    let message = CreateTaskRequest {
        org,
        project,
        title,
        description: description.unwrap_or_default(),
        status,
        assignee_id: assignee_id.value(),
        assignee_email: assignee_email.value(),
        due_date: due_date.value(),
    };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.project.clone().create_task(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let answer = answer.into_inner();
    let task = answer.task.unwrap_or_default();
    let location = format!("{location}/{}", task.task_id);
    let created = |body| Answer::created(&location, body);
    Ok(shown(&gateway, task, answer.position.as_ref(), created).await.replayed(replayed))
}

/// One task
#[utoipa::path(get, path = "/api/v1/organizations/{org}/tasks/{task_id}", tag = "tasks", operation_id = "getTask",
    responses((status = 200, body = json::Task)))]
pub async fn show(
    State(gateway): State<App>,
    member: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
) -> Outcome<json::Task> {
    let answer = get(&gateway, &member, &task_id).await?;
    Ok(shown(&gateway, answer.task.unwrap_or_default(), answer.position.as_ref(), Answer::ok).await)
}

async fn get(gateway: &Gateway, Member { user, org }: &Member, task_id: &str) -> Result<GetTaskResponse, Problem> {
    let message = GetTaskRequest { org: org.clone(), task_id: task_id.to_owned() };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.project, user, message, |mut project, request| async move { project.get_task(request).await })
        .await?;
    Ok(answer.into_inner())
}

crate::body! {
    /// Only what is sent is changed; null clears assignee and date.
    pub struct TaskChanges {
        #[schema(nullable = false, min_length = 1, max_length = 200)]
        title: Option<String>,
        #[schema(nullable = false, max_length = 20000)]
        description: Option<String>,
        #[schema(nullable = false, value_type = Option<json::TaskStatus>)]
        status: Option<String>,
        /// A member of the organization; at most one of `assignee_id` and `assignee_email`.
        #[schema(value_type = Option<String>, format = Uuid)]
        assignee_id: Clearable,
        #[schema(value_type = Option<String>, format = Email)]
        assignee_email: Clearable,
        /// A date (00:00 UTC) or a date-time.
        #[schema(value_type = Option<String>, example = "2026-01-31")]
        due_date: Clearable,
    }
}

/// Change a task
#[utoipa::path(patch, path = "/api/v1/organizations/{org}/tasks/{task_id}", tag = "tasks",
    operation_id = "updateTask", request_body = TaskChanges, responses((status = 200, body = json::Task)))]
pub async fn update(
    State(gateway): State<App>,
    member: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
    if_match: IfMatch,
    Input { value, sent }: Input<TaskChanges>,
) -> Outcome<json::Task> {
    let expected_version = if_match.expected(version(&gateway, &member, &task_id)).await?;
    let TaskChanges { title, description, status, assignee_id, assignee_email, due_date } = value;
    let message = UpdateTaskRequest {
        org: member.org,
        task_id,
        title,
        description,
        status,
        assignee_id: assignee_id.change(),
        assignee_email: assignee_email.change(),
        due_date: due_date.change(),
        expected_version,
    };
    let request = sent.request(&member.user, message)?;
    let answer = gateway.clients.project.clone().update_task(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?.into_inner();
    Ok(shown(&gateway, answer.task.unwrap_or_default(), answer.position.as_ref(), Answer::ok).await)
}

/// Delete a task
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/tasks/{task_id}", tag = "tasks",
    operation_id = "deleteTask", responses((status = 204)))]
pub async fn delete(
    State(gateway): State<App>,
    member: Member,
    Params(TaskPath { task_id }): Params<TaskPath>,
    if_match: IfMatch,
) -> Outcome<Nothing> {
    let expected_version = if_match.expected(version(&gateway, &member, &task_id)).await?;
    let message = DeleteTaskRequest { org: member.org, task_id, expected_version };
    let answer = gateway.clients.project.clone().delete_task(member.user.request(message)).await?;
    Ok(Answer::no_content().position(answer.into_inner().position.as_ref()))
}

async fn version(gateway: &Gateway, member: &Member, task_id: &str) -> Result<u64, Problem> {
    Ok(get(gateway, member, task_id).await?.task.unwrap_or_default().version)
}

async fn shown(
    gateway: &Gateway,
    task: Task,
    position: Option<&Position>,
    answer: impl FnOnce(json::Task) -> Answer<json::Task>,
) -> Answer<json::Task> {
    let people = gateway.people.find(json::Task::people(&task)).await;
    let version = task.version;
    answer(json::Task::new(task, &people)).version(version).position(position)
}
