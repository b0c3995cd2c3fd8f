//! Reads tasks.

use trellis_authn::Caller;
use trellis_proto::project::v1::{GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{Member, Ops, cut, projects::project_word, values::all_known};
use crate::{
    domain::{RawTaskQuery, Task, TaskId, TaskQuery},
    error::{Error, Resource},
    store::{task_list, tasks},
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
        let query = judge(&request, member.id())?;
        let mut conn = self.reader().await?;
        let (mut tasks, position) = if request.project.is_empty() {
            (task_list::of_organization(&mut conn, member.org_id(), &query).await?, None)
        } else {
            let found = task_list::of_project(&mut conn, member.org_id(), project_word(&request.project)?, &query)
                .await?
                .ok_or(Error::NotFound(Resource::Project))?;
            (found.tasks, Some(self.log.position(found.project_id, found.last_seq)))
        };
        let next = cut(&mut tasks, query.limit).map(|last| query.sort.cursor(last));
        Ok(ListTasksResponse {
            tasks: tasks.iter().map(wire::task).collect(),
            next_cursor: next.unwrap_or_default(),
            cursors: Vec::new(),
            position,
        })
    }

    /// A task by its name, with the number of its project's last event.
    pub(super) async fn find_task(&self, member: &Member<'_>, task_id: &str) -> Result<(Task, i64), Error> {
        let id = task_name(task_id)?;
        let mut conn = self.reader().await?;
        tasks::find(&mut conn, member.org_id(), &id).await?.ok_or(Error::NotFound(Resource::Task))
    }
}

/// What is no name of a task is the name of no task.
pub(super) fn task_name(task_id: &str) -> Result<TaskId, Error> {
    TaskId::parse(task_id).ok_or(Error::NotFound(Resource::Task))
}

fn judge(request: &ListTasksRequest, me: Uuid) -> Result<TaskQuery, Error> {
    let page = request.page.clone().unwrap_or_default();
    let raw = RawTaskQuery {
        status: &request.status,
        assignee: &request.assignee,
        q: &request.q,
        due_before: &request.due_before,
        due_after: &request.due_after,
        sort: &request.sort,
        limit: page.limit,
        cursor: &page.cursor,
    };
    let mut violations = Violations::new();
    let query = TaskQuery::parse(raw, me, |name, (code, message)| {
        violations.push(name, code, message);
    });
    all_known(violations)?;
    Ok(query.expect("a query without a fault is whole"))
}
