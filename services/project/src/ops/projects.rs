//! Reads projects.

use trellis_authn::Caller;
use trellis_proto::project::v1::{GetProjectRequest, GetProjectResponse, ListProjectsRequest, ListProjectsResponse};

use super::{Member, Ops, values::window};
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
        let window = window(request.page.as_ref(), CreatedCursor::parse)?;
        let projects = projects::list(&mut self.reader(&member).await?, member.org_id(), &window).await?;
        let shown = window.show(projects, |project| CreatedCursor::new(project.created_at, project.id).encode());
        Ok(ListProjectsResponse {
            projects: shown.items.iter().map(wire::project).collect(),
            next_cursor: shown.next_cursor,
            cursors: shown.cursors,
        })
    }

    /// A project by slug or key, with the number of its last event.
    pub(super) async fn find_project(&self, member: &Member<'_>, word: &str) -> Result<(Project, i64), Error> {
        let word = project_word(word)?;
        let mut conn = self.connection().await?;
        projects::find(&mut conn, member.org_id(), word).await?.ok_or(Error::NotFound(Resource::Project))
    }
}

/// What can be neither a slug nor a key is no project's, and not worth a question.
pub(super) fn project_word(word: &str) -> Result<&str, Error> {
    if names_project(word) { Ok(word) } else { Err(Error::NotFound(Resource::Project)) }
}
