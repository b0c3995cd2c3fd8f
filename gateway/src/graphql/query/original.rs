//! The queries of the original system, to the letter. Its lists come whole, in a fixed order.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};
use trellis_proto::{
    identity::v1::GetMeRequest,
    org::v1::{self as org, ListMembersRequest, ListOrganizationsRequest, ListOrganizationsResponse},
    project::v1::{self as project, GetProjectRequest, GetTaskRequest, ListCommentsRequest, ListProjectsRequest},
};

use crate::{
    clients::Asker,
    graphql::{
        Refusal, Viewer, connection,
        loaders::{Loaders, missing, read},
        types::{Org, Organization, OrganizationMember, Project, Task, TaskComment, TaskList, User},
    },
};

type List<T> = Result<Option<Vec<Option<T>>>>;

#[derive(Default)]
pub struct Original;

/// The whole list.
fn all() -> project::Page {
    project::Page { all: true, ..project::Page::default() }
}

fn list<T, O>(items: Vec<T>, object: impl Fn(T) -> O) -> Vec<Option<O>> {
    items.into_iter().map(|item| Some(object(item))).collect()
}

async fn organizations(viewer: &Viewer, asker: &impl Asker, mine: bool) -> List<Organization> {
    let page = org::Page { all: true, ..org::Page::default() };
    let message = ListOrganizationsRequest { mine, page: Some(page) };
    let clients = viewer.clients();
    let answer = clients
        .read(&clients.org, asker, message, |mut org, request| async move { org.list_organizations(request).await });
    let ListOrganizationsResponse { organizations, .. } = answer.await.map_err(Refusal::from)?.into_inner();
    Ok(Some(list(organizations, Organization)))
}

#[Object]
impl Original {
    /// The directory: open organizations, and all of one's own. Needs no sign-in.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn organizations(&self, ctx: &Context<'_>) -> List<Organization> {
        let viewer = Viewer::of(ctx);
        match viewer.user() {
            Ok(user) => organizations(viewer, user, false).await,
            // A token that is not good is as good as none.
            Err(_) => organizations(viewer, &viewer.gateway().service_key, false).await,
        }
    }

    /// Who is signed in.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let viewer = Viewer::of(ctx);
        Ok(read!(viewer, identity.get_me(GetMeRequest {}))?.user.map(User::from))
    }

    /// The organizations that one is a member of.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn my_organizations(&self, ctx: &Context<'_>) -> List<Organization> {
        let viewer = Viewer::of(ctx);
        organizations(viewer, viewer.user()?, true).await
    }

    /// The members of an organization.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn organization_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
    ) -> List<OrganizationMember> {
        let viewer = Viewer::of(ctx);
        let org: Org = org_slug.as_str().into();
        let page = org::Page { all: true, ..org::Page::default() };
        let message = ListMembersRequest { org: org_slug, page: Some(page) };
        let answer = read!(viewer, org.list_members(message))?;
        Ok(Some(list(answer.members, |member| OrganizationMember { org: Arc::clone(&org), member })))
    }

    /// The projects of an organization, oldest first.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
    ) -> List<Project> {
        let viewer = Viewer::of(ctx);
        let org: Org = org_slug.as_str().into();
        let message = ListProjectsRequest { org: org_slug, page: Some(all()) };
        let answer = read!(viewer, project.list_projects(message))?;
        Ok(Some(list(answer.projects, |project| Project { org: Arc::clone(&org), project, position: None })))
    }

    /// A project; null where there is no such slug.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "The project's slug.")] project_slug: String,
    ) -> Result<Option<Project>> {
        let viewer = Viewer::of(ctx);
        let org = org_slug.as_str().into();
        let message = GetProjectRequest { org: org_slug, project: project_slug.clone() };
        let answer = missing("project", read!(viewer, project.get_project(message)))?.unwrap_or_default();
        // The service takes keys, too.
        let project = answer.project.filter(|project| project.slug == project_slug);
        Ok(project.map(|project| Project { org, project, position: answer.position }))
    }

    /// The tasks of a project, oldest first; none where there is no such slug.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "The project's slug.")] project_slug: String,
    ) -> List<Task> {
        let viewer = Viewer::of(ctx);
        let org: Org = org_slug.as_str().into();
        if project_slug.is_empty() {
            // To the service that means all projects.
            Loaders::of(ctx).organization(&org).await?;
            return Ok(Some(Vec::new()));
        }
        let message = TaskList::default().of_project(org_slug, project_slug.clone(), all());
        let answer = missing("project", read!(viewer, project.list_tasks(message)))?.unwrap_or_default();
        let mut tasks = answer.tasks;
        // The service takes keys, too.
        tasks.retain(|task| task.project.as_ref().is_some_and(|project| project.slug == project_slug));
        Ok(Some(list(tasks, |task| Task { org: Arc::clone(&org), task, position: answer.position.clone() })))
    }

    /// A task; null where there is none of this id.
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "`WEB-1`, in any case.")] task_id: String,
    ) -> Result<Option<Task>> {
        let viewer = Viewer::of(ctx);
        let org = org_slug.as_str().into();
        let message = GetTaskRequest { org: org_slug, task_id };
        let answer = missing("task", read!(viewer, project.get_task(message)))?.unwrap_or_default();
        Ok(answer.task.map(|task| Task { org, task, position: answer.position }))
    }

    /// The comments of a task, oldest first; none where there is no task of this id.
    #[graphql(complexity = "connection::unpaged(child_complexity)")]
    async fn task_comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization's slug.")] org_slug: String,
        #[graphql(desc = "`WEB-1`, in any case.")] task_id: String,
    ) -> List<TaskComment> {
        let viewer = Viewer::of(ctx);
        let org: Org = org_slug.as_str().into();
        let message = ListCommentsRequest { org: org_slug, task_id, page: Some(all()) };
        let answer = missing("task", read!(viewer, project.list_comments(message)))?.unwrap_or_default();
        Ok(Some(list(answer.comments, |comment| TaskComment { org: Arc::clone(&org), comment, task: None })))
    }
}
