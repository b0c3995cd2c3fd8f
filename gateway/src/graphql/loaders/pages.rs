//! One page of what belongs to each of many: tasks of projects, comments and activity of tasks.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use async_graphql::dataloader::Loader;
use trellis_proto::project::v1::{
    ListActivityOfTasksRequest, ListActivityResponse, ListCommentsOfTasksRequest, ListCommentsResponse,
    ListTasksResponse,
};

use super::{Loaded, batch::grouped, call, sources::Sources};
use crate::graphql::{
    connection::{Connection, Page, Window},
    types::{Activity, Org, Task, TaskComment, TaskList},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TasksPage {
    pub org: Org,
    pub window: Window,
    pub list: TaskList,
    pub project_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommentsPage {
    pub org: Org,
    pub window: Window,
    /// UUID of the task.
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActivityPage {
    pub org: Org,
    pub window: Window,
    /// UUID of the task.
    pub id: String,
}

impl Page<Task> {
    /// All of them reflect the position of the list, where it has one.
    pub fn tasks(org: &Org, answer: ListTasksResponse) -> Self {
        let ListTasksResponse { tasks, next_cursor, position, cursors } = answer;
        let task = |task| Task { org: Org::clone(org), task, position: position.clone() };
        Self { items: tasks.into_iter().map(task).collect(), cursors, next_cursor, position }
    }
}

impl Page<TaskComment> {
    fn comments(org: &Org, task: &str, answer: ListCommentsResponse) -> Self {
        let ListCommentsResponse { comments, next_cursor, position, cursors } = answer;
        let comment = |comment| TaskComment { org: Org::clone(org), comment, task: Some(task.to_owned()) };
        Self { items: comments.into_iter().map(comment).collect(), cursors, next_cursor, position }
    }
}

impl Page<Activity> {
    fn activities(answer: ListActivityResponse) -> Self {
        let ListActivityResponse { activities, next_cursor, position, cursors } = answer;
        Self { items: activities.into_iter().map(Activity).collect(), cursors, next_cursor, position }
    }
}

/// Refusals in the words of the arguments.
fn told<K, T>(mut found: HashMap<K, Loaded<T>>, window: impl Fn(&K) -> &Window) -> HashMap<K, Loaded<T>>
where
    K: std::hash::Hash + Eq,
{
    for (key, value) in &mut found {
        if let Err(refusal) = value {
            *refusal = window(key).refused(refusal.clone());
        }
    }
    found
}

impl Loader<TasksPage> for Sources {
    type Value = Loaded<Arc<Connection<Task>>>;
    type Error = Infallible;

    async fn load(&self, keys: &[TasksPage]) -> Result<HashMap<TasksPage, Self::Value>, Infallible> {
        let split =
            |key: &TasksPage| ((Org::clone(&key.org), key.window.clone(), key.list.clone()), key.project_id.clone());
        let found = grouped(
            keys,
            split,
            || Ok(Connection::empty().into()),
            |(org, window, list): (Org, Window, TaskList), ids| async move {
                let message = list.of_projects(org.to_string(), ids, (&window).into());
                let lists = call!(self.0, project.list_tasks_of_projects(message))?.lists.into_iter();
                let page = |list| Arc::new(Connection::new(&window, Page::tasks(&org, list)));
                Ok(lists.map(|of| (of.project_id, page(of.list.unwrap_or_default()))).collect())
            },
        );
        Ok(told(found.await, |key| &key.window))
    }
}

impl Loader<CommentsPage> for Sources {
    type Value = Loaded<Arc<Connection<TaskComment>>>;
    type Error = Infallible;

    async fn load(&self, keys: &[CommentsPage]) -> Result<HashMap<CommentsPage, Self::Value>, Infallible> {
        let split = |key: &CommentsPage| ((Org::clone(&key.org), key.window.clone()), key.id.clone());
        let found = grouped(
            keys,
            split,
            || Ok(Connection::empty().into()),
            |(org, window): (Org, Window), ids| async move {
                let message = ListCommentsOfTasksRequest { org: org.to_string(), ids, page: Some((&window).into()) };
                let lists = call!(self.0, project.list_comments_of_tasks(message))?.lists.into_iter();
                let page = |task: &str, list| Arc::new(Connection::new(&window, Page::comments(&org, task, list)));
                let pages = lists.map(|of| (page(&of.id, of.list.unwrap_or_default()), of.id));
                Ok(pages.map(|(page, id)| (id, page)).collect())
            },
        );
        Ok(told(found.await, |key| &key.window))
    }
}

impl Loader<ActivityPage> for Sources {
    type Value = Loaded<Arc<Connection<Activity>>>;
    type Error = Infallible;

    async fn load(&self, keys: &[ActivityPage]) -> Result<HashMap<ActivityPage, Self::Value>, Infallible> {
        let split = |key: &ActivityPage| ((Org::clone(&key.org), key.window.clone()), key.id.clone());
        let found = grouped(
            keys,
            split,
            || Ok(Connection::empty().into()),
            |(org, window): (Org, Window), ids| async move {
                let message = ListActivityOfTasksRequest { org: org.to_string(), ids, page: Some((&window).into()) };
                let lists = call!(self.0, project.list_activity_of_tasks(message))?.lists.into_iter();
                let page = |list| Arc::new(Connection::new(&window, Page::activities(list)));
                Ok(lists.map(|of| (of.id, page(of.list.unwrap_or_default()))).collect())
            },
        );
        Ok(told(found.await, |key| &key.window))
    }
}
