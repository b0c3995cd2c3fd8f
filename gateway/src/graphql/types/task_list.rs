//! Which tasks, and in what order.

use async_graphql::{Enum, ID, InputObject, OneofObject};
use trellis_proto::project::v1 as proto;
use trellis_rpc::{Code, Problem};

use super::TaskStatus;
use crate::graphql::{Refusal, scalars::DateTime};

/// Which tasks; all that is given must fit.
#[derive(Debug, InputObject)]
pub struct TaskFilter {
    /// How they stand.
    status: Option<TaskStatus>,
    /// Who works on them.
    assignee: Option<AssigneeFilter>,
    /// Words in title and description.
    search: Option<String>,
    /// Due earlier than this (exclusive).
    due_before: Option<DateTime>,
    /// Due later than this (exclusive).
    due_after: Option<DateTime>,
}

/// Whose tasks.
#[derive(Debug, OneofObject)]
pub enum AssigneeFilter {
    /// Of the user with this id.
    Id(ID),
    /// `true`: one's own.
    Me(bool),
    /// `true`: nobody's.
    None(bool),
}

/// The order of tasks.
#[derive(Debug, InputObject)]
pub struct TaskOrder {
    /// By what.
    field: TaskOrderField,
    /// Which end first.
    #[graphql(default_with = "Some(OrderDirection::Asc)")]
    direction: Option<OrderDirection>,
}

/// What tasks are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TaskOrderField {
    /// When they were made.
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// When they are due; those without a date come last.
    DueDate,
    /// The number in their id.
    TaskId,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// The smallest, the oldest.
    Asc,
    /// The largest, the newest.
    Desc,
}

/// Filter and order in the words of the project service; empty where not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TaskList {
    status: String,
    assignee: String,
    q: String,
    due_before: String,
    due_after: String,
    sort: String,
}

impl TaskList {
    pub fn new(filter: Option<TaskFilter>, order: Option<TaskOrder>) -> Result<Self, Refusal> {
        let mut list = Self { sort: order.map(TaskOrder::sort).unwrap_or_default(), ..Self::default() };
        if let Some(TaskFilter { status, assignee, search, due_before, due_after }) = filter {
            list.status = status.map_or_else(String::new, |status| status.as_str().to_owned());
            list.assignee = assignee.map(AssigneeFilter::word).transpose()?.unwrap_or_default();
            list.q = search.unwrap_or_default();
            list.due_before = due_before.map(|time| time.0).unwrap_or_default();
            list.due_after = due_after.map(|time| time.0).unwrap_or_default();
        }
        Ok(list)
    }

    /// The tasks of an organization.
    pub fn of_organization(self, org: String, page: proto::Page) -> proto::ListTasksRequest {
        self.of_project(org, String::new(), page)
    }

    /// The tasks of one project, by slug or key.
    pub fn of_project(self, org: String, project: String, page: proto::Page) -> proto::ListTasksRequest {
        let Self { status, assignee, q, due_before, due_after, sort } = self;
        let page = Some(page);
        proto::ListTasksRequest { org, project, page, status, assignee, q, due_before, due_after, sort }
    }

    /// The tasks of each of these projects.
    pub fn of_projects(
        self,
        org: String,
        project_ids: Vec<String>,
        page: proto::Page,
    ) -> proto::ListTasksOfProjectsRequest {
        let Self { status, assignee, q, due_before, due_after, sort } = self;
        let page = Some(page);
        proto::ListTasksOfProjectsRequest { org, project_ids, page, status, assignee, q, due_before, due_after, sort }
    }
}

impl AssigneeFilter {
    fn word(self) -> Result<String, Refusal> {
        let refused = |why| Err(Problem::new(Code::InvalidRequest, why).into());
        match self {
            Self::Id(id) if id.is_empty() => refused("assignee.id must not be empty"),
            Self::Id(id) => Ok(id.0),
            Self::Me(true) => Ok("me".to_owned()),
            Self::None(true) => Ok("none".to_owned()),
            Self::Me(false) => refused("assignee.me can only be true"),
            Self::None(false) => refused("assignee.none can only be true"),
        }
    }
}

impl TaskOrder {
    fn sort(self) -> String {
        let field = match self.field {
            TaskOrderField::CreatedAt => "created_at",
            TaskOrderField::UpdatedAt => "updated_at",
            TaskOrderField::DueDate => "due_date",
            TaskOrderField::TaskId => "task_id",
        };
        match self.direction {
            None | Some(OrderDirection::Asc) => field.to_owned(),
            Some(OrderDirection::Desc) => format!("-{field}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignee_is_someone_me_or_none() {
        let word = |filter: AssigneeFilter| filter.word().map_err(|refusal| refusal.0.detail);
        assert_eq!(word(AssigneeFilter::Id("u1".into())).as_deref(), Ok("u1"));
        assert_eq!(word(AssigneeFilter::Me(true)).as_deref(), Ok("me"));
        assert_eq!(word(AssigneeFilter::None(true)).as_deref(), Ok("none"));
        assert_eq!(word(AssigneeFilter::Id("".into())), Err("assignee.id must not be empty".to_owned()));
        assert_eq!(word(AssigneeFilter::Me(false)), Err("assignee.me can only be true".to_owned()));
        assert_eq!(word(AssigneeFilter::None(false)), Err("assignee.none can only be true".to_owned()));
    }

    #[test]
    fn an_order_is_a_sort_key() {
        let order = |field, direction| TaskOrder { field, direction }.sort();
        assert_eq!(order(TaskOrderField::DueDate, Some(OrderDirection::Asc)), "due_date");
        assert_eq!(order(TaskOrderField::TaskId, Some(OrderDirection::Desc)), "-task_id");
        assert_eq!(order(TaskOrderField::TaskId, None), "task_id");
    }
}
