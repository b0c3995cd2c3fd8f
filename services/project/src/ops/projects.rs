//! Reads projects.

use trellis_authn::Caller;
use trellis_proto::project::v1::{GetProjectRequest, GetProjectResponse, ListProjectsRequest, ListProjectsResponse};

use super::{Member, Ops, cut, values::page};
use crate::{
    domain::{CreatedCursor, Project, names_project},
    error::{Error, Resource},
    store::projects,
    wire,
};

impl Ops {
    pub async fn get_project(&self, caller: &Caller, request: GetProjectRequest) -> Result<GetProjectResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (project, last_seq) = self.find_project(&member, &request.project).await?;
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
            cursors: Vec::new(),
        })
    }

    /// A project by slug or key, with the number of its last event.
    pub(super) async fn find_project(&self, member: &Member<'_>, word: &str) -> Result<(Project, i64), Error> {
        let word = project_word(word)?;
        let mut conn = self.reader().await?;
        projects::find(&mut conn, member.org_id(), word).await?.ok_or(Error::NotFound(Resource::Project))
    }
}

/// What can be neither a slug nor a key is no project's, and not worth a question.
pub(super) fn project_word(word: &str) -> Result<&str, Error> {
    if names_project(word) { Ok(word) } else { Err(Error::NotFound(Resource::Project)) }
}
