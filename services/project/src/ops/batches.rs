//! Many things at once, for answers that name them: one check of access and one statement, whatever their number.

use std::collections::BTreeSet;

use trellis_authn::Caller;
use trellis_proto::project::v1::{
    BatchGetProjectsRequest, BatchGetProjectsResponse, BatchGetTasksRequest, BatchGetTasksResponse,
    ListActivityOfTasksRequest, ListActivityOfTasksResponse, ListCommentsOfTasksRequest, ListCommentsOfTasksResponse,
    ListTasksOfProjectsRequest, ListTasksOfProjectsResponse, Page,
    list_activity_of_tasks_response as activity_of_tasks, list_comments_of_tasks_response as comments_of_tasks,
    list_tasks_of_projects_response as tasks_of_projects,
};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{
    Ops,
    tasks::judge,
    values::{all_known, raw_page, window},
};
use crate::{
    domain::{CreatedCursor, RawTaskQuery, SeqCursor, TaskId},
    error::Error,
    store::{
        activity, comment_list, projects, task_list,
        tasks::{self, Which},
    },
    wire,
};

/// The most things that one call may name.
const MOST: usize = 1000;

impl Ops {
    pub async fn batch_get_projects(
        &self,
        caller: &Caller,
        request: BatchGetProjectsRequest,
    ) -> Result<BatchGetProjectsResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let ids = ids("ids", &request.ids)?;
        let projects = projects::batch(&mut self.reader(&member).await?, member.org_id(), &ids).await?;
        Ok(BatchGetProjectsResponse { projects: projects.iter().map(wire::project).collect() })
    }

    pub async fn batch_get_tasks(
        &self,
        caller: &Caller,
        request: BatchGetTasksRequest,
    ) -> Result<BatchGetTasksResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        let names = distinct("task_ids", &request.task_ids, TaskId::parse)?;
        let (keys, numbers): (Vec<_>, Vec<_>) = names.into_iter().map(|name| (name.key, name.number)).unzip();
        let tasks = tasks::batch(&mut self.reader(&member).await?, member.org_id(), &keys, &numbers).await?;
        Ok(BatchGetTasksResponse { tasks: tasks.iter().map(wire::task).collect() })
    }

    pub async fn list_tasks_of_projects(
        &self,
        caller: &Caller,
        request: ListTasksOfProjectsRequest,
    ) -> Result<ListTasksOfProjectsResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        only_pages(request.page.as_ref())?;
        let ids = ids("project_ids", &request.project_ids)?;
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
        let found = task_list::of_projects(&mut conn, member.org_id(), task_list::Which::Ids(&ids), &query).await?;
        let lists = found.into_iter().map(|of| tasks_of_projects::Of {
            project_id: of.parent.id.to_string(),
            list: Some(self.show_tasks(of, &query)),
        });
        Ok(ListTasksOfProjectsResponse { lists: lists.collect() })
    }

    pub async fn list_comments_of_tasks(
        &self,
        caller: &Caller,
        request: ListCommentsOfTasksRequest,
    ) -> Result<ListCommentsOfTasksResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        only_pages(request.page.as_ref())?;
        let ids = ids("ids", &request.ids)?;
        let window = window(request.page.as_ref(), CreatedCursor::parse)?;
        let mut conn = self.reader(&member).await?;
        let found = comment_list::of_tasks(&mut conn, member.org_id(), Which::Ids(&ids), &window).await?;
        let lists = found.into_iter().map(|of| comments_of_tasks::Of {
            id: of.parent.id.to_string(),
            list: Some(self.show_comments(of, &window)),
        });
        Ok(ListCommentsOfTasksResponse { lists: lists.collect() })
    }

    pub async fn list_activity_of_tasks(
        &self,
        caller: &Caller,
        request: ListActivityOfTasksRequest,
    ) -> Result<ListActivityOfTasksResponse, Error> {
        let member = self.authorize(caller, &request.org).await?;
        only_pages(request.page.as_ref())?;
        let ids = ids("ids", &request.ids)?;
        let window = window(request.page.as_ref(), SeqCursor::parse)?;
        let mut conn = self.reader(&member).await?;
        let found = activity::of_tasks(&mut conn, member.org_id(), Which::Ids(&ids), &window).await?;
        let lists = found.into_iter().map(|of| activity_of_tasks::Of {
            id: of.parent.id.to_string(),
            list: Some(self.show_activity(of, &window)),
        });
        Ok(ListActivityOfTasksResponse { lists: lists.collect() })
    }
}

/// Each once; what is no id is the id of nothing.
pub(super) fn ids(field: &str, sent: &[String]) -> Result<Vec<Uuid>, Error> {
    Ok(distinct(field, sent, |id| Uuid::try_parse(id).ok())?.into_iter().collect())
}

fn distinct<T: Ord>(field: &str, sent: &[String], parse: impl Fn(&str) -> Option<T>) -> Result<BTreeSet<T>, Error> {
    let mut violations = Violations::new();
    if sent.len() > MOST {
        violations.push(field, "too_many", format!("must be at most {MOST}"));
    }
    all_known(violations)?;
    Ok(sent.iter().filter_map(|text| parse(text)).collect())
}

fn only_pages(page: Option<&Page>) -> Result<(), Error> {
    let mut violations = Violations::new();
    if page.is_some_and(|page| page.all) {
        violations.push("all", "invalid", "is for a single list");
    }
    all_known(violations)
}
