//! Changes a task. What is not sent, or is as it was, is no change; without any there is no event.

use chrono::{DateTime, Utc};
use serde_json::Value;
use trellis_authn::Caller;
use trellis_proto::project::v1::{UpdateTaskRequest, UpdateTaskResponse};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{
    Member, Ops, event, seq,
    values::{Cleared, SentAssignee, all_valid, clearable, same_version, sent, sent_clearable, show_id, show_time},
};
use crate::{
    domain::{self, ChangeSet, Kind, Task, TaskStatus},
    error::{Error, Resource},
    store::{activity, tasks},
    wire,
};

impl Ops {
    pub async fn update_task(&self, caller: &Caller, request: UpdateTaskRequest) -> Result<UpdateTaskResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let org_id = member.org_id();
        let (found, _) = self.find_task(&member, &request.task_id).await?;
        let patch = self.judge_patch(&member, &request, &found).await?;

        let mut write = self.write(&member, found.project.id).await?;
        let mut task = tasks::current(write.conn(), org_id, found.id).await?.ok_or(Error::NotFound(Resource::Task))?;
        same_version(request.expected_version, task.version, Resource::Task)?;
        let completed_before = task.status.completed();
        let changes = patch.apply(&mut task);
        if changes.is_empty() {
            let position = write.unchanged().await?;
            return Ok(UpdateTaskResponse { task: Some(wire::task(&task)), position: Some(position) });
        }
        let changes = changes.into_vec();
        let effects = tasks::Effects {
            completed: task.status.completed() - completed_before,
            news: changes.iter().any(|change| ["assignee", "description"].contains(&&*change.field)),
        };
        let number = seq(&write);
        tasks::update(write.conn(), org_id, &mut task, number, effects).await?;
        let about = activity::About { org_id, project: task.project.id, task: Some(task.id), comment: None };
        activity::add(write.conn(), about, number, Kind::TaskUpdated, member.id(), &changes).await?;
        let payload = wire::task_event(&task, &changes);
        let position = write.commit(event(Kind::TaskUpdated, &member, Some(task.id), payload)).await?;
        Ok(UpdateTaskResponse { task: Some(wire::task(&task)), position: Some(position) })
    }

    async fn judge_patch(
        &self,
        member: &Member<'_>,
        request: &UpdateTaskRequest,
        current: &Task,
    ) -> Result<Patch, Error> {
        let mut bad = Violations::new();
        let title = sent(&mut bad, "title", request.title.as_deref(), domain::line);
        let description = sent(&mut bad, "description", request.description.as_deref(), domain::body);
        let status = sent(&mut bad, "status", request.status.as_deref(), TaskStatus::parse);
        let due_date = sent_clearable(&mut bad, "due_date", clearable(request.due_date.as_ref()), domain::instant);
        let assignee = SentAssignee {
            id: clearable(request.assignee_id.as_ref()),
            email: clearable(request.assignee_email.as_ref()),
        };
        let assignee_id = self.assignee(member, assignee, current.assignee_id, &mut bad).await?;
        all_valid(bad)?;
        Ok(Patch { title, description, status, assignee_id, due_date })
    }
}

/// What was sent, judged.
struct Patch {
    title: Option<String>,
    description: Option<String>,
    status: Option<TaskStatus>,
    assignee_id: Cleared<Uuid>,
    due_date: Cleared<DateTime<Utc>>,
}

impl Patch {
    fn apply(self, task: &mut Task) -> ChangeSet {
        let mut changes = ChangeSet::default();
        changes.set("title", &mut task.title, self.title, Value::from);
        let description = self.description;
        changes.set("description", &mut task.description, description, Value::from);
        changes.set("status", &mut task.status, self.status, |status| status.as_str().into());
        changes.set("assignee", &mut task.assignee_id, self.assignee_id, show_id);
        changes.set("due_date", &mut task.due_date, self.due_date, show_time);
        changes
    }
}
