//! Deletes a project with all that is in it. Its events stay for as long as events are kept.

use trellis_authn::Caller;
use trellis_proto::project::v1::{DeleteProjectRequest, DeleteProjectResponse};

use super::{Ops, event, seq, values::same_version};
use crate::{
    domain::Kind,
    error::{Error, Resource},
    store::{deleted, projects},
    wire,
};

impl Ops {
    pub async fn delete_project(
        &self,
        caller: &Caller,
        request: DeleteProjectRequest,
    ) -> Result<DeleteProjectResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        if !member.is_admin() {
            return Err(Error::Forbidden);
        }
        let org_id = member.org_id();
        let (found, _) = self.find_project(&member, &request.project).await?;

        let mut write = self.write(&member, found.id).await?;
        let project =
            projects::current(write.conn(), org_id, found.id).await?.ok_or(Error::NotFound(Resource::Project))?;
        same_version(request.expected_version, project.version, Resource::Project)?;
        let number = seq(&write);
        deleted::note_project(write.conn(), org_id, &project, number).await?;
        projects::delete(write.conn(), org_id, project.id).await?;
        let payload = wire::project_event(&project, &[]);
        let position = write.commit(event(Kind::ProjectDeleted, &member, None, payload)).await?;
        Ok(DeleteProjectResponse { position: Some(position) })
    }
}
