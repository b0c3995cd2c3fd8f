//! Organizations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::{
    org::v1::{self as proto, ListAuditRequest, ListInvitationsRequest, ListMembersRequest},
    project::v1::{GetProjectRequest, GetTaskRequest, ListProjectsRequest},
};
use trellis_rpc::Problem;

use super::{
    AuditEntry, Invitation, JoinPolicy, Org, OrganizationMember, Project, Role, Task, TaskFilter, TaskList, TaskOrder,
};
use crate::graphql::{
    Refusal, Viewer,
    connection::{self, Connection, Page, Window},
    loaders::{Loaders, missing, read},
    scalars::DateTime,
};

/// A tenant.
#[derive(Clone)]
pub struct Organization(pub proto::Organization);

impl Organization {
    /// Its slug, for members; of one that is only seen in the directory there is no more to see.
    async fn entered(&self, ctx: &Context<'_>) -> Result<Org, Refusal> {
        Role::of(self.0.role()).ok_or_else(|| Problem::not_found("organization"))?;
        let org: Org = self.0.slug.as_str().into();
        Loaders::of(ctx).remember(&org, self).await;
        Ok(org)
    }
}

/// A tenant: members, projects and their tasks.
#[Object]
impl Organization {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name in arguments and addresses.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Whom to write to.
    async fn contact_email(&self) -> &str {
        &self.0.contact_email
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::always(self.0.created_at.as_ref())
    }

    /// Who may join; for members.
    async fn join_policy(&self) -> Option<JoinPolicy> {
        JoinPolicy::of(self.0.join_policy())
    }

    /// One's own role; null where one is no member.
    async fn role(&self) -> Option<Role> {
        Role::of(self.0.role())
    }

    /// Counts its changes; for `expectedVersion`, and for members.
    async fn version(&self) -> Option<u64> {
        Role::of(self.0.role()).map(|_| self.0.version)
    }

    /// Its projects, oldest first.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Connection<Project>>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let window = Window::new(first, after, last, before)?;
        let message = ListProjectsRequest { org: org.to_string(), page: Some((&window).into()) };
        let answer = read!(viewer, project.list_projects(message)).map_err(|refusal| window.refused(refusal))?;
        let project = |project| Project { org: Arc::clone(&org), project, position: None };
        let items = answer.projects.into_iter().map(project).collect();
        let (cursors, next_cursor) = (answer.cursors, answer.next_cursor);
        Ok(Some(Connection::new(&window, Page { items, cursors, next_cursor, position: None })))
    }

    /// One of its projects, by slug or key.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Slug or key.")] slug: String,
    ) -> Result<Option<Project>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let message = GetProjectRequest { org: org.to_string(), project: slug };
        let answer = missing("project", read!(viewer, project.get_project(message)))?;
        Ok(answer.and_then(|answer| Some(Project { org, project: answer.project?, position: answer.position })))
    }

    /// The tasks of all its projects, oldest first if no order is given.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments)]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
        #[graphql(desc = "Which tasks.")] filter: Option<TaskFilter>,
        #[graphql(desc = "In what order.")] order_by: Option<TaskOrder>,
    ) -> Result<Option<Connection<Task>>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let window = Window::new(first, after, last, before)?;
        let message = TaskList::new(filter, order_by)?.of_organization(org.to_string(), (&window).into());
        let answer = read!(viewer, project.list_tasks(message)).map_err(|refusal| window.refused(refusal))?;
        Ok(Some(Connection::new(&window, Page::tasks(&org, answer))))
    }

    /// One of its tasks.
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`WEB-1`, in any case.")] task_id: String,
    ) -> Result<Option<Task>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let message = GetTaskRequest { org: org.to_string(), task_id };
        let answer = missing("task", read!(viewer, project.get_task(message)))?;
        Ok(answer.and_then(|answer| Some(Task { org, task: answer.task?, position: answer.position })))
    }

    /// Its members.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Connection<OrganizationMember>>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let window = Window::new(first, after, last, before)?;
        let message = ListMembersRequest { org: org.to_string(), page: Some((&window).into()) };
        let answer = read!(viewer, org.list_members(message)).map_err(|refusal| window.refused(refusal))?;
        let member = |member| OrganizationMember { org: Arc::clone(&org), member };
        let items = answer.members.into_iter().map(member).collect();
        let (cursors, next_cursor) = (answer.cursors, answer.next_cursor);
        Ok(Some(Connection::new(&window, Page { items, cursors, next_cursor, position: None })))
    }

    /// Invitations that can still be accepted; for its ADMINs.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Connection<Invitation>>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let window = Window::new(first, after, last, before)?;
        let message = ListInvitationsRequest { org: org.to_string(), page: Some((&window).into()) };
        let answer = read!(viewer, org.list_invitations(message)).map_err(|refusal| window.refused(refusal))?;
        let items = answer.invitations.into_iter().map(Invitation).collect();
        let (cursors, next_cursor) = (answer.cursors, answer.next_cursor);
        Ok(Some(Connection::new(&window, Page { items, cursors, next_cursor, position: None })))
    }

    /// Who did what to its members, roles, invitations and settings, newest first; for its ADMINs.
    #[graphql(complexity = "connection::cost(first, last, child_complexity)")]
    async fn audit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many; 1 to 100, 20 where nothing is given.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor; goes with `first`.")] after: Option<String>,
        #[graphql(desc = "The last so many; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor; goes with `last`.")] before: Option<String>,
    ) -> Result<Option<Connection<AuditEntry>>> {
        let (org, viewer) = (self.entered(ctx).await?, Viewer::of(ctx));
        let window = Window::new(first, after, last, before)?;
        let message = ListAuditRequest { org: org.to_string(), page: Some((&window).into()) };
        let answer = read!(viewer, org.list_audit(message)).map_err(|refusal| window.refused(refusal))?;
        let items = answer.entries.into_iter().map(AuditEntry).collect();
        let (cursors, next_cursor) = (answer.cursors, answer.next_cursor);
        Ok(Some(Connection::new(&window, Page { items, cursors, next_cursor, position: None })))
    }
}
