//! Deletes a task with its comments. Its number is not used again, its activity and events stay.

use trellis_authn::Caller;
use trellis_proto::project::v1::{DeleteTaskRequest, DeleteTaskResponse};

use super::{Ops, event, seq, values::same_version};
use crate::{
    domain::Kind,
    error::{Error, Resource},
    store::{activity, deleted, tasks},
    wire,
};

impl Ops {
    pub async fn delete_task(&self, caller: &Caller, request: DeleteTaskRequest) -> Result<DeleteTaskResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let org_id = member.org_id();
        let (found, _) = self.find_task(&member, &request.task_id).await?;

        let mut write = self.write(&member, found.project.id).await?;
        let task = tasks::current(write.conn(), org_id, found.id).await?.ok_or(Error::NotFound(Resource::Task))?;
        same_version(request.expected_version, task.version, Resource::Task)?;
        let number = seq(&write);
        tasks::delete(write.conn(), org_id, &task).await?;
        deleted::note_task(write.conn(), org_id, &task, number).await?;
        let about = activity::About { org_id, project: task.project.id, task: Some(task.id), comment: None };
        activity::add(write.conn(), about, number, Kind::TaskDeleted, member.id(), &[]).await?;
        let payload = wire::task_event(&task, &[]);
        let position = write.commit(event(Kind::TaskDeleted, &member, Some(task.id), payload)).await?;
        Ok(DeleteTaskResponse { position: Some(position) })
    }
}
