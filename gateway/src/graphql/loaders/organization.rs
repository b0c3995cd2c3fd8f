//! What an organization has. It is reached from every row of a list: whoever asks the same of it has the same answer.

use std::{collections::HashMap, convert::Infallible, hash::Hash, sync::Arc};

use async_graphql::dataloader::Loader;
use futures_util::future::join_all;
use trellis_proto::{
    org::v1::{ListAuditRequest, ListInvitationsRequest, ListMembersRequest},
    project::v1::{GetProjectRequest, GetTaskRequest, ListProjectsRequest},
};

use super::{Loaded, missing, read, sources::Sources};
use crate::graphql::{
    Viewer,
    connection::{Connection, Page, Window},
    types::{AuditEntry, Invitation, Org, OrganizationMember, Project, Task, TaskList},
};

/// One call to a service, about one organization.
pub trait Question: Clone + Eq + Hash + Send + Sync + 'static {
    type Answer: Clone + Send + Sync + 'static;

    fn ask(&self, viewer: &Viewer, org: &Org) -> impl Future<Output = Loaded<Self::Answer>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Within<Q> {
    pub org: Org,
    pub question: Q,
}

impl<Q: Question> Loader<Within<Q>> for Sources {
    type Value = Loaded<Q::Answer>;
    type Error = Infallible;

    async fn load(&self, keys: &[Within<Q>]) -> Result<HashMap<Within<Q>, Self::Value>, Infallible> {
        let asked = keys.iter().map(|key| async move { (key.clone(), key.question.ask(&self.0, &key.org).await) });
        Ok(join_all(asked).await.into_iter().collect())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Projects(pub Window);

impl Question for Projects {
    type Answer = Arc<Connection<Project>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let Self(window) = self;
        let message = ListProjectsRequest { org: org.to_string(), page: Some(window.into()) };
        let answer = read!(viewer, project.list_projects(message)).map_err(|refusal| window.refused(refusal))?;
        let project = |project| Project { org: Arc::clone(org), project, position: None };
        let items = answer.projects.into_iter().map(project).collect();
        Ok(page(window, items, answer.cursors, answer.next_cursor))
    }
}

/// By slug or key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProjectNamed(pub String);

impl Question for ProjectNamed {
    type Answer = Option<Arc<Project>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let message = GetProjectRequest { org: org.to_string(), project: self.0.clone() };
        let answer = missing("project", read!(viewer, project.get_project(message)))?;
        let org = Arc::clone(org);
        Ok(answer.and_then(|answer| Some(Project { org, project: answer.project?, position: answer.position }.into())))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tasks(pub Window, pub TaskList);

impl Question for Tasks {
    type Answer = Arc<Connection<Task>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let Self(window, list) = self;
        let message = list.clone().of_organization(org.to_string(), window.into());
        let answer = read!(viewer, project.list_tasks(message)).map_err(|refusal| window.refused(refusal))?;
        Ok(Connection::new(window, Page::tasks(org, answer)).into())
    }
}

/// `WEB-1`, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskNamed(pub String);

impl Question for TaskNamed {
    type Answer = Option<Arc<Task>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let message = GetTaskRequest { org: org.to_string(), task_id: self.0.clone() };
        let answer = missing("task", read!(viewer, project.get_task(message)))?;
        let org = Arc::clone(org);
        Ok(answer.and_then(|answer| Some(Task { org, task: answer.task?, position: answer.position }.into())))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Members(pub Window);

impl Question for Members {
    type Answer = Arc<Connection<OrganizationMember>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let Self(window) = self;
        let message = ListMembersRequest { org: org.to_string(), page: Some(window.into()) };
        let answer = read!(viewer, org.list_members(message)).map_err(|refusal| window.refused(refusal))?;
        let member = |member| OrganizationMember { org: Arc::clone(org), member };
        let items = answer.members.into_iter().map(member).collect();
        Ok(page(window, items, answer.cursors, answer.next_cursor))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invitations(pub Window);

impl Question for Invitations {
    type Answer = Arc<Connection<Invitation>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let Self(window) = self;
        let message = ListInvitationsRequest { org: org.to_string(), page: Some(window.into()) };
        let answer = read!(viewer, org.list_invitations(message)).map_err(|refusal| window.refused(refusal))?;
        let items = answer.invitations.into_iter().map(Invitation).collect();
        Ok(page(window, items, answer.cursors, answer.next_cursor))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audit(pub Window);

impl Question for Audit {
    type Answer = Arc<Connection<AuditEntry>>;

    async fn ask(&self, viewer: &Viewer, org: &Org) -> Loaded<Self::Answer> {
        let Self(window) = self;
        let message = ListAuditRequest { org: org.to_string(), page: Some(window.into()) };
        let answer = read!(viewer, org.list_audit(message)).map_err(|refusal| window.refused(refusal))?;
        let items = answer.entries.into_iter().map(AuditEntry).collect();
        Ok(page(window, items, answer.cursors, answer.next_cursor))
    }
}

fn page<T>(window: &Window, items: Vec<T>, cursors: Vec<String>, next_cursor: String) -> Arc<Connection<T>> {
    Connection::new(window, Page { items, cursors, next_cursor, position: None }).into()
}
