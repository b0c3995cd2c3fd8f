//! Reads projects.

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    GetProjectRequest, GetProjectResponse, ListProjectsRequest, ListProjectsResponse,
};

use super::{Ops, cut, values::page};
use crate::{
    domain::CreatedCursor,
    error::{Error, Resource},
    store::projects,
    wire,
};

impl Ops {
    pub async fn get_project(&self, caller: &Caller, request: GetProjectRequest) -> Result<GetProjectResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let mut conn = self.reader().await?;
        let (project, last_seq) = projects::find(&mut conn, member.org_id(), &request.project)
            .await?
            .ok_or(Error::NotFound(Resource::Project))?;
        Ok(GetProjectResponse {
            position: Some(self.log.position(project.id, last_seq)),
            project: Some(wire::project(&project)),
        })
    }

    pub async fn list_projects(
        &self,
        caller: &Caller,
        request: ListProjectsRequest,
    ) -> Result<ListProjectsResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (limit, after) = page(request.page, CreatedCursor::parse)?;
        let mut conn = self.reader().await?;
        let mut projects = projects::list(&mut conn, member.org_id(), after.as_ref(), i64::from(limit) + 1).await?;
        let next = cut(&mut projects, limit).map(|last| CreatedCursor::new(last.created_at, last.id).encode());
        Ok(ListProjectsResponse {
            projects: projects.iter().map(wire::project).collect(),
            next_cursor: next.unwrap_or_default(),
        })
    }
}
