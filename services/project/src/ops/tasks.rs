//! Reads tasks.

use trellis_authn::Caller;
use trellis_proto::{
    event::v1::Position,
    project::v1::{GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse},
};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{
    Member, Ops,
    projects::project_word,
    values::{all_known, raw_page},
};
use crate::{
    domain::{RawTaskQuery, Shown, Task, TaskId, TaskQuery},
    error::{Error, Resource},
    store::{
        bounded::Of,
        task_list::{self, Which},
        tasks,
    },
    wire,
};

impl Ops {
    pub async fn get_task(&self, caller: &Caller, request: GetTaskRequest) -> Result<GetTaskResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let (task, last_seq) = self.find_task(&member, &request.task_id).await?;
        Ok(GetTaskResponse {
            position: Some(self.log.position(task.project.id, last_seq)),
            task: Some(wire::task(&task)),
        })
    }

    pub async fn list_tasks(&self, caller: &Caller, request: ListTasksRequest) -> Result<ListTasksResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let raw = RawTaskQuery {
            status: &request.status,
            assignee: &request.assignee,
            q: &request.q,
            due_before: &request.due_before,
            due_after: &request.due_after,
            sort: &request.sort,
            page: raw_page(request.page.as_ref()),
        };
        let query = judge(raw, member.id())?;
        let mut conn = self.reader(&member).await?;
        if request.project.is_empty() {
            let found = task_list::of_organization(&mut conn, member.org_id(), &query).await?;
            return Ok(answer(query.show(found), None));
        }
        let project = Which::Named(project_word(&request.project)?);
        let mut found = task_list::of_projects(&mut conn, member.org_id(), project, &query).await?;
        Ok(self.show_tasks(found.pop().ok_or(Error::NotFound(Resource::Project))?, &query))
    }

    pub(super) fn show_tasks(&self, of: Of<Task>, query: &TaskQuery) -> ListTasksResponse {
        let position = self.log.position(of.parent.scope, of.parent.last_seq);
        answer(query.show(of.rows), Some(position))
    }

    /// A task by its name, with the number of its project's last event.
    pub(super) async fn find_task(&self, member: &Member<'_>, task_id: &str) -> Result<(Task, i64), Error> {
        let id = task_name(task_id)?;
        let mut conn = self.connection().await?;
        tasks::find(&mut conn, member.org_id(), &id).await?.ok_or(Error::NotFound(Resource::Task))
    }
}

/// What is no name of a task is the name of no task.
pub(super) fn task_name(task_id: &str) -> Result<TaskId, Error> {
    TaskId::parse(task_id).ok_or(Error::NotFound(Resource::Task))
}

/// `me` is who asks.
pub(super) fn judge(raw: RawTaskQuery<'_>, me: Uuid) -> Result<TaskQuery, Error> {
    let mut violations = Violations::new();
    let query = TaskQuery::parse(raw, me, |name, (code, message)| {
        violations.push(name, code, message);
    });
    all_known(violations)?;
    Ok(query.expect("a query without a fault is whole"))
}

fn answer(shown: Shown<Task>, position: Option<Position>) -> ListTasksResponse {
    ListTasksResponse {
        tasks: shown.items.iter().map(wire::task).collect(),
        next_cursor: shown.next_cursor,
        cursors: shown.cursors,
        position,
    }
}
