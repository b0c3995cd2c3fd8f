//! Many things at once, for answers that name them: one call and one statement each.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    BatchGetProjectsRequest, BatchGetProjectsResponse, BatchGetTasksRequest, BatchGetTasksResponse,
    ListActivityOfTasksRequest, ListActivityOfTasksResponse, ListCommentsOfTasksRequest, ListCommentsOfTasksResponse,
    ListTasksOfProjectsRequest, ListTasksOfProjectsResponse,
};

use super::Ops;
use crate::error::{Error, Resource};

impl Ops {
    pub async fn batch_get_projects(
        &self,
        _caller: &Caller,
        _request: BatchGetProjectsRequest,
    ) -> Result<BatchGetProjectsResponse, Error> {
        Err(Error::NotFound(Resource::Project))
    }

    pub async fn batch_get_tasks(
        &self,
        _caller: &Caller,
        _request: BatchGetTasksRequest,
    ) -> Result<BatchGetTasksResponse, Error> {
        Err(Error::NotFound(Resource::Project))
    }

    pub async fn list_tasks_of_projects(
        &self,
        _caller: &Caller,
        _request: ListTasksOfProjectsRequest,
    ) -> Result<ListTasksOfProjectsResponse, Error> {
        Err(Error::NotFound(Resource::Project))
    }

    pub async fn list_comments_of_tasks(
        &self,
        _caller: &Caller,
        _request: ListCommentsOfTasksRequest,
    ) -> Result<ListCommentsOfTasksResponse, Error> {
        Err(Error::NotFound(Resource::Project))
    }

    pub async fn list_activity_of_tasks(
        &self,
        _caller: &Caller,
        _request: ListActivityOfTasksRequest,
    ) -> Result<ListActivityOfTasksResponse, Error> {
        Err(Error::NotFound(Resource::Project))
    }
}
