//! Makes a task with its project's next number.

use chrono::DateTime;
use trellis_authn::Caller;
use trellis_proto::project::v1::{CreateTaskRequest, CreateTaskResponse};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{
    Member, Ops, event, seq,
    values::{SentAssignee, all_valid, given, sent},
};
use crate::{
    domain::{self, Kind, Project, ProjectRef, Task, TaskStatus},
    error::{Error, Resource},
    store::tasks,
    wire,
};

impl Ops {
    pub async fn create_task(
        &self,
        caller: &Caller,
        request: CreateTaskRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<CreateTaskResponse>, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let once = Once::new(member.id(), key);
        if let Some(message) = once.look(&self.log).await? {
            return Ok(Answer::again(message));
        }
        let (project, _) = self.find_project(&member, &request.project).await?;
        let mut task = self.judge_task(&member, &request, project).await?;

        let mut write = self.write(&member, task.project.id).await?;
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return Ok(Answer::again(message));
        }
        let number = seq(&write);
        if !tasks::insert(write.conn(), member.org_id(), &mut task, number).await? {
            return Err(Error::NotFound(Resource::Project));
        }
        let response = CreateTaskResponse { task: Some(wire::task(&task)), position: Some(write.position()) };
        once.keep(write.conn(), &response).await?;
        write.commit(event(Kind::TaskCreated, &member, Some(task.id), wire::task_event(&task, &[]))).await?;
        Ok(Answer::first(response))
    }

    async fn judge_task(
        &self,
        member: &Member<'_>,
        request: &CreateTaskRequest,
        project: Project,
    ) -> Result<Task, Error> {
        let mut violations = Violations::new();
        let title = violations.check("title", domain::line(&request.title));
        let description = violations.check("description", domain::body(&request.description));
        let status = match request.status.as_deref() {
            None => Some(TaskStatus::Todo),
            Some(status) => violations.check("status", TaskStatus::parse(status)),
        };
        let due_date = sent(&mut violations, "due_date", given(request.due_date.as_deref()), domain::instant);
        let assignee = SentAssignee {
            id: request.assignee_id.as_deref().map(|id| given(Some(id))),
            email: request.assignee_email.as_deref().map(|email| given(Some(email))),
        };
        let assignee_id = self.assignee(member, assignee, None, &mut violations).await?;
        all_valid(violations)?;
        Ok(Task {
            id: Uuid::now_v7(),
            project: ProjectRef { id: project.id, slug: project.slug, key: project.key, name: project.name },
            number: 0,
            title: title.unwrap_or_default(),
            description: description.unwrap_or_default(),
            status: status.unwrap_or(TaskStatus::Todo),
            assignee_id: assignee_id.flatten(),
            due_date,
            comment_count: 0,
            created_by: member.id(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 0,
        })
    }
}
