//! Organizations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use trellis_proto::org::v1 as proto;
use trellis_rpc::Problem;

use super::{
    AuditEntry, Invitation, JoinPolicy, Org, OrganizationMember, Project, Role, Task, TaskFilter, TaskList, TaskOrder,
};
use crate::graphql::{
    Refusal,
    connection::{self, Connection, Window},
    loaders::{Audit, Invitations, Loaders, Members, ProjectNamed, Projects, TaskNamed, Tasks},
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
    ) -> Result<Option<Arc<Connection<Project>>>> {
        let (org, window) = (self.entered(ctx).await?, Window::new(first, after, last, before)?);
        Ok(Some(Loaders::of(ctx).within(&org, Projects(window)).await?))
    }

    /// One of its projects, by slug or key.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Slug or key.")] slug: String,
    ) -> Result<Option<Arc<Project>>> {
        let org = self.entered(ctx).await?;
        Ok(Loaders::of(ctx).within(&org, ProjectNamed(slug)).await?)
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
    ) -> Result<Option<Arc<Connection<Task>>>> {
        let (org, window) = (self.entered(ctx).await?, Window::new(first, after, last, before)?);
        let which = TaskList::new(filter, order_by)?;
        Ok(Some(Loaders::of(ctx).within(&org, Tasks(window, which)).await?))
    }

    /// One of its tasks.
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`WEB-1`, in any case.")] task_id: String,
    ) -> Result<Option<Arc<Task>>> {
        let org = self.entered(ctx).await?;
        Ok(Loaders::of(ctx).within(&org, TaskNamed(task_id)).await?)
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
    ) -> Result<Option<Arc<Connection<OrganizationMember>>>> {
        let (org, window) = (self.entered(ctx).await?, Window::new(first, after, last, before)?);
        Ok(Some(Loaders::of(ctx).within(&org, Members(window)).await?))
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
    ) -> Result<Option<Arc<Connection<Invitation>>>> {
        let (org, window) = (self.entered(ctx).await?, Window::new(first, after, last, before)?);
        Ok(Some(Loaders::of(ctx).within(&org, Invitations(window)).await?))
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
    ) -> Result<Option<Arc<Connection<AuditEntry>>>> {
        let (org, window) = (self.entered(ctx).await?, Window::new(first, after, last, before)?);
        Ok(Some(Loaders::of(ctx).within(&org, Audit(window)).await?))
    }
}
