//! Single things, by their ids.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use async_graphql::dataloader::Loader;
use futures_util::future::join_all;
use trellis_proto::{
    identity::v1::GetMeRequest,
    org::v1::GetOrganizationRequest,
    project::v1::{BatchGetProjectsRequest, BatchGetTasksRequest, BatchGetWatchesRequest},
};
use trellis_rpc::Problem;

use super::{Loaded, batch::grouped, call, read};
use crate::{
    graphql::{
        Viewer,
        scalars::DateTime,
        types::{Org, Organization, Project, Task},
    },
    json::Person,
};

/// From where everything is loaded: the services, on behalf of the viewer.
pub struct Sources(pub Viewer);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PersonId(pub String);

/// When the viewer's account was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnCreatedAt;

/// A UUID in an organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProjectId {
    pub org: Org,
    pub id: String,
}

/// `WEB-1` in an organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskId {
    pub org: Org,
    pub task_id: String,
}

/// Whether the viewer watches a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    pub org: Org,
    /// UUID of the task.
    pub id: String,
}

impl Loader<PersonId> for Sources {
    type Value = Loaded<Person>;
    type Error = Infallible;

    async fn load(&self, keys: &[PersonId]) -> Result<HashMap<PersonId, Self::Value>, Infallible> {
        let found = self.0.gateway().people.find(keys.iter().map(|PersonId(id)| id.as_str())).await;
        Ok(keys.iter().map(|key| (key.clone(), Ok(found.person(&key.0)))).collect())
    }
}

impl Loader<OwnCreatedAt> for Sources {
    type Value = Loaded<Option<DateTime>>;
    type Error = Infallible;

    async fn load(&self, _: &[OwnCreatedAt]) -> Result<HashMap<OwnCreatedAt, Self::Value>, Infallible> {
        let answer = read!(self.0, identity.get_me(GetMeRequest {}));
        let created_at = answer.map(|answer| DateTime::of(answer.user.unwrap_or_default().created_at.as_ref()));
        Ok([(OwnCreatedAt, created_at)].into())
    }
}

impl Loader<Org> for Sources {
    type Value = Loaded<Arc<Organization>>;
    type Error = Infallible;

    async fn load(&self, slugs: &[Org]) -> Result<HashMap<Org, Self::Value>, Infallible> {
        let organizations = slugs.iter().map(|slug| async move {
            let message = GetOrganizationRequest { org: slug.to_string() };
            let answer = read!(self.0, org.get_organization(message));
            let organization = answer.map(|answer| Arc::new(Organization(answer.organization.unwrap_or_default())));
            (Org::clone(slug), organization)
        });
        Ok(join_all(organizations).await.into_iter().collect())
    }
}

impl Loader<ProjectId> for Sources {
    type Value = Loaded<Arc<Project>>;
    type Error = Infallible;

    async fn load(&self, keys: &[ProjectId]) -> Result<HashMap<ProjectId, Self::Value>, Infallible> {
        let split = |key: &ProjectId| (Org::clone(&key.org), key.id.clone());
        let missing = || Err(Problem::not_found("project").into());
        let found = grouped(keys, split, missing, |org: Org, ids| async move {
            let message = BatchGetProjectsRequest { org: org.to_string(), ids };
            let projects = call!(self.0, project.batch_get_projects(message))?.projects.into_iter();
            let project = |project| Arc::new(Project { org: Org::clone(&org), project, position: None });
            Ok(projects.map(|found| (found.id.clone(), project(found))).collect())
        });
        Ok(found.await)
    }
}

impl Loader<TaskId> for Sources {
    type Value = Loaded<Arc<Task>>;
    type Error = Infallible;

    async fn load(&self, keys: &[TaskId]) -> Result<HashMap<TaskId, Self::Value>, Infallible> {
        let split = |key: &TaskId| (Org::clone(&key.org), key.task_id.clone());
        let missing = || Err(Problem::not_found("task").into());
        let found = grouped(keys, split, missing, |org: Org, task_ids| async move {
            let message = BatchGetTasksRequest { org: org.to_string(), task_ids };
            let tasks = call!(self.0, project.batch_get_tasks(message))?.tasks.into_iter();
            let task = |task| Arc::new(Task { org: Org::clone(&org), task, position: None });
            Ok(tasks.map(|found| (found.task_id.clone(), task(found))).collect())
        });
        Ok(found.await)
    }
}

impl Loader<Watch> for Sources {
    type Value = Loaded<bool>;
    type Error = Infallible;

    async fn load(&self, keys: &[Watch]) -> Result<HashMap<Watch, Self::Value>, Infallible> {
        let split = |key: &Watch| (Org::clone(&key.org), key.id.clone());
        // A task that is not there any more is watched by nobody.
        let missing = || Ok(false);
        let found = grouped(keys, split, missing, |org: Org, ids| async move {
            let message = BatchGetWatchesRequest { org: org.to_string(), ids };
            let watched = call!(self.0, project.batch_get_watches(message))?.ids.into_iter();
            Ok(watched.map(|id| (id, true)).collect())
        });
        Ok(found.await)
    }
}
