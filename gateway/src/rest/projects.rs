//! `/organizations/{org}/projects`

use axum::extract::State;
use trellis_proto::event::v1::Position;
use trellis_proto::project::v1::{
    CreateProjectRequest, DeleteProjectRequest, GetProjectRequest, GetProjectResponse, ListProjectsRequest,
    ListProjectsResponse, Page, Project, UpdateProjectRequest,
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::{App, Gateway},
    auth::Member,
    body::{Clearable, Input},
    conditional::IfMatch,
    json,
    params::{Params, ProjectPath},
    problem::Problem,
    query::{PageParams, Query},
};

/// Projects of an organization
#[utoipa::path(get, path = "/api/v1/organizations/{org}/projects", tag = "projects", operation_id = "listProjects",
    params(PageParams), responses((status = 200, body = json::Page<json::Project>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    mut query: Query,
) -> Outcome<json::Page<json::Project>> {
    let (limit, cursor) = query.page()?;
    let message = ListProjectsRequest { org, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer =
        clients
            .read(&clients.project, &user, message, |mut project, request| async move {
                project.list_projects(request).await
            })
            .await?;
    let ListProjectsResponse { projects, next_cursor, .. } = answer.into_inner();
    let items = projects.into_iter().map(Into::into).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
}

crate::body! {
    /// A new project. Slug and key are unique in its organization.
    pub struct NewProject {
        #[schema(min_length = 1, max_length = 200)]
        name: String,
        /// Made from the name where not given.
        #[schema(nullable = false, max_length = 50, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
        slug: Option<String>,
        /// Made from the slug where not given; it never changes.
        #[schema(nullable = false, pattern = "^[A-Z][A-Z0-9]{0,9}$")]
        key: Option<String>,
        #[schema(nullable = false, max_length = 20000)]
        description: Option<String>,
        /// ACTIVE where not given.
        #[schema(nullable = false, value_type = Option<json::ProjectStatus>)]
        status: Option<String>,
        #[schema(value_type = Option<String>, format = Date)]
        due_date: Clearable,
    }
}

/// Create a project
#[utoipa::path(post, path = "/api/v1/organizations/{org}/projects", tag = "projects", operation_id = "createProject",
    request_body = NewProject, responses((status = 201, body = json::Project)))]
pub async fn create(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Input { value, sent }: Input<NewProject>,
) -> Outcome<json::Project> {
    let location = format!("/api/v1/organizations/{org}/projects");
    let NewProject { name, slug, key, description, status, due_date } = value;
    let message = CreateProjectRequest {
        org,
        name,
        slug,
        key,
        description: description.unwrap_or_default(),
        status,
        due_date: due_date.value(),
    };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.project.clone().create_project(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let answer = answer.into_inner();
    let project = answer.project.unwrap_or_default();
    let location = format!("{location}/{}", project.slug);
    Ok(shown(project, answer.position.as_ref(), |body| Answer::created(&location, body)).replayed(replayed))
}

/// One project
#[utoipa::path(get, path = "/api/v1/organizations/{org}/projects/{project}", tag = "projects",
    operation_id = "getProject", responses((status = 200, body = json::Project)))]
pub async fn show(
    State(gateway): State<App>,
    member: Member,
    Params(ProjectPath { project }): Params<ProjectPath>,
) -> Outcome<json::Project> {
    let answer = get(&gateway, &member, &project).await?;
    Ok(shown(answer.project.unwrap_or_default(), answer.position.as_ref(), Answer::ok))
}

async fn get(gateway: &Gateway, Member { user, org }: &Member, project: &str) -> Result<GetProjectResponse, Problem> {
    let message = GetProjectRequest { org: org.clone(), project: project.to_owned() };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.project, user, message, |mut project, request| async move { project.get_project(request).await })
        .await?;
    Ok(answer.into_inner())
}

crate::body! {
    /// Only what is sent is changed; null clears the date.
    pub struct ProjectChanges {
        #[schema(nullable = false, min_length = 1, max_length = 200)]
        name: Option<String>,
        /// The key, and so the ids of tasks, stay as they are.
        #[schema(nullable = false, max_length = 50, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
        slug: Option<String>,
        #[schema(nullable = false, max_length = 20000)]
        description: Option<String>,
        #[schema(nullable = false, value_type = Option<json::ProjectStatus>)]
        status: Option<String>,
        #[schema(value_type = Option<String>, format = Date)]
        due_date: Clearable,
    }
}

/// Change a project
#[utoipa::path(patch, path = "/api/v1/organizations/{org}/projects/{project}", tag = "projects",
    operation_id = "updateProject", request_body = ProjectChanges, responses((status = 200, body = json::Project)))]
pub async fn update(
    State(gateway): State<App>,
    member: Member,
    Params(ProjectPath { project }): Params<ProjectPath>,
    if_match: IfMatch,
    Input { value, sent }: Input<ProjectChanges>,
) -> Outcome<json::Project> {
    let expected_version = if_match.expected(version(&gateway, &member, &project)).await?;
    let ProjectChanges { name, slug, description, status, due_date } = value;
    let message = UpdateProjectRequest {
        org: member.org,
        project,
        name,
        slug,
        description,
        status,
        due_date: due_date.change(),
        expected_version,
    };
    let request = sent.request(&member.user, message)?;
    let answer = gateway.clients.project.clone().update_project(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?.into_inner();
    Ok(shown(answer.project.unwrap_or_default(), answer.position.as_ref(), Answer::ok))
}

/// Delete a project
///
/// For ADMINs. Its tasks and their comments go with it.
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/projects/{project}", tag = "projects",
    operation_id = "deleteProject", responses((status = 204)))]
pub async fn delete(
    State(gateway): State<App>,
    member: Member,
    Params(ProjectPath { project }): Params<ProjectPath>,
    if_match: IfMatch,
) -> Outcome<Nothing> {
    let expected_version = if_match.expected(version(&gateway, &member, &project)).await?;
    let message = DeleteProjectRequest { org: member.org, project, expected_version };
    let answer = gateway.clients.project.clone().delete_project(member.user.request(message)).await?;
    Ok(Answer::no_content().position(answer.into_inner().position.as_ref()))
}

async fn version(gateway: &Gateway, member: &Member, project: &str) -> Result<u64, Problem> {
    Ok(get(gateway, member, project).await?.project.unwrap_or_default().version)
}

fn shown(
    project: Project,
    position: Option<&Position>,
    answer: impl FnOnce(json::Project) -> Answer<json::Project>,
) -> Answer<json::Project> {
    let version = project.version;
    answer(project.into()).version(version).position(position)
}
