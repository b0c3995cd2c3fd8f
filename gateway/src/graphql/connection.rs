//! Relay connections (GraphQL Cursor Connections Specification) over the pages of services.

use std::sync::Arc;

use async_graphql::{Object, OutputType, SimpleObject};
use trellis_proto::{event::v1::Position, org::v1 as org, project::v1 as project};
use trellis_rpc::{Code, Problem};

use super::{
    Refusal,
    types::{Activity, AuditEntry, Invitation, Notification, OrganizationMember, Project, Task, TaskComment},
};
use crate::cursor::Cursor;

/// How many items there are where neither `first` nor `last` says it.
const DEFAULT: u32 = 20;
const LARGEST: u32 = 100;
/// As many rows as a list without paging counts for.
const UNPAGED: usize = 10;
/// Far beyond any limit, and small enough that sums of it do not overflow.
const CEILING: usize = 1_000_000_000;

/// Which part of a list is asked for: the arguments of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    limit: u32,
    /// Empty: from the beginning, or from the end.
    cursor: String,
    backward: bool,
}

impl Window {
    /// `first` goes with `after`, `last` with `before`.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, Refusal> {
        let (after, before) = (after.unwrap_or_default(), before.unwrap_or_default());
        match (first, last) {
            (Some(_), Some(_)) => Err(refused("Give first or last, not both")),
            (_, None) if !before.is_empty() => Err(refused("before goes with last")),
            (None, Some(_)) if !after.is_empty() => Err(refused("after goes with first")),
            (None, Some(last)) => Ok(Self { limit: limit("last", last)?, cursor: before, backward: true }),
            (first, None) => {
                let limit = first.map_or(Ok(DEFAULT), |first| limit("first", first))?;
                Ok(Self { limit, cursor: after, backward: false })
            }
        }
    }

    /// A service's word on its own parameters, by the names of ours.
    pub fn refused(&self, mut refusal: Refusal) -> Refusal {
        for error in &mut refusal.0.fields {
            match &*error.field {
                "cursor" if self.backward => "before".clone_into(&mut error.field),
                "cursor" => "after".clone_into(&mut error.field),
                "q" => "search".clone_into(&mut error.field),
                _ => {}
            }
        }
        refusal
    }
}

fn limit(name: &str, number: i32) -> Result<u32, Refusal> {
    let number = u32::try_from(number).ok().filter(|number| (1..=LARGEST).contains(number));
    number.ok_or_else(|| refused(&format!("{name} must be a number from 1 to {LARGEST}")))
}

fn refused(why: &str) -> Refusal {
    Problem::new(Code::InvalidRequest, why).into()
}

impl From<&Window> for project::Page {
    fn from(Window { limit, cursor, backward }: &Window) -> Self {
        Self { limit: *limit, cursor: cursor.clone(), backward: *backward, with_cursors: true, all: false }
    }
}

impl From<&Window> for org::Page {
    fn from(Window { limit, cursor, backward }: &Window) -> Self {
        Self { limit: *limit, cursor: cursor.clone(), backward: *backward, with_cursors: true, all: false }
    }
}

/// What a connection counts for in a query's complexity.
pub fn cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let rows = first.or(last).and_then(|rows| u32::try_from(rows).ok()).unwrap_or(DEFAULT).clamp(1, LARGEST);
    times(rows as usize, child)
}

/// What a list without paging counts for.
pub fn unpaged(child: usize) -> usize {
    times(UNPAGED, child)
}

fn times(rows: usize, child: usize) -> usize {
    child.saturating_mul(rows).saturating_add(1).min(CEILING)
}

/// Where a subscription continues from.
pub fn live_cursor(position: Option<&Position>) -> Option<String> {
    Cursor::try_from(position?).ok().map(|cursor| cursor.to_string())
}

/// A page of a list, as services answer it.
pub struct Page<T> {
    pub items: Vec<T>,
    /// One for each item.
    pub cursors: Vec<String>,
    /// Empty where nothing follows in the direction that was asked for.
    pub next_cursor: String,
    pub position: Option<Position>,
}

/// A part of a list. Its items are shared: the same page may be asked for in several places of a query.
pub struct Connection<T> {
    rows: Vec<(String, Arc<T>)>,
    page_info: PageInfo,
    live_cursor: Option<String>,
}

impl<T> Connection<T> {
    pub fn new(window: &Window, page: Page<T>) -> Self {
        let more = !page.next_cursor.is_empty();
        let inside = !window.cursor.is_empty();
        let (has_previous_page, has_next_page) = if window.backward { (more, inside) } else { (inside, more) };
        let mut page_info = PageInfo {
            has_next_page,
            has_previous_page,
            start_cursor: page.cursors.first().cloned(),
            end_cursor: page.cursors.last().cloned(),
        };
        if more {
            // Where the last of the page's rows may not be shown, it goes on behind them all the same.
            let edge = if window.backward { &mut page_info.start_cursor } else { &mut page_info.end_cursor };
            *edge = Some(page.next_cursor);
        }
        let rows = page.cursors.into_iter().zip(page.items.into_iter().map(Arc::new)).collect();
        Self { rows, page_info, live_cursor: live_cursor(page.position.as_ref()) }
    }

    /// Of something that is gone since it was named: it has nothing.
    pub fn empty() -> Self {
        let page_info =
            PageInfo { has_next_page: false, has_previous_page: false, start_cursor: None, end_cursor: None };
        Self { rows: Vec::new(), page_info, live_cursor: None }
    }

    pub fn items(&self) -> Vec<Arc<T>> {
        self.rows.iter().map(|(_, node)| Arc::clone(node)).collect()
    }

    pub fn rows(&self) -> Vec<Edge<T>> {
        self.rows.iter().map(|(cursor, node)| Edge { cursor: cursor.clone(), node: Arc::clone(node) }).collect()
    }

    pub fn info(&self) -> &PageInfo {
        &self.page_info
    }

    /// What a subscription continues from.
    pub fn place(&self) -> Option<&str> {
        self.live_cursor.as_deref()
    }
}

/// A part of a list, by the GraphQL Cursor Connections Specification.
#[Object(
    concrete(name = "ProjectConnection", params(Project)),
    concrete(name = "TaskConnection", params(Task)),
    concrete(name = "TaskCommentConnection", params(TaskComment)),
    concrete(name = "ActivityConnection", params(Activity)),
    concrete(name = "OrganizationMemberConnection", params(OrganizationMember)),
    concrete(name = "InvitationConnection", params(Invitation)),
    concrete(name = "AuditConnection", params(AuditEntry))
)]
impl<T: OutputType> Connection<T>
where
    Edge<T>: OutputType,
{
    /// The items.
    async fn nodes(&self) -> Vec<Arc<T>> {
        self.items()
    }

    /// The items, each with its cursor.
    async fn edges(&self) -> Vec<Edge<T>> {
        self.rows()
    }

    /// Whether there is more, and how to ask for it.
    async fn page_info(&self) -> &PageInfo {
        self.info()
    }

    /// What a subscription's `after` continues from without a gap; of a project's tasks, and a task's comments and
    /// activity.
    async fn live_cursor(&self) -> Option<&str> {
        self.place()
    }
}

/// An item and its place in the list.
pub struct Edge<T> {
    cursor: String,
    node: Arc<T>,
}

/// An item and its place in the list.
#[Object(
    concrete(name = "ProjectEdge", params(Project)),
    concrete(name = "TaskEdge", params(Task)),
    concrete(name = "TaskCommentEdge", params(TaskComment)),
    concrete(name = "ActivityEdge", params(Activity)),
    concrete(name = "OrganizationMemberEdge", params(OrganizationMember)),
    concrete(name = "InvitationEdge", params(Invitation)),
    concrete(name = "AuditEdge", params(AuditEntry)),
    concrete(name = "NotificationEdge", params(Notification))
)]
impl<T: OutputType> Edge<T> {
    /// For `after` and `before`. Opaque.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item.
    async fn node(&self) -> Arc<T> {
        Arc::clone(&self.node)
    }
}

/// Whether a list goes on, and from where.
#[derive(Debug, Clone, SimpleObject)]
pub struct PageInfo {
    /// Whether there are items after these. Asked for with `before`: true.
    pub has_next_page: bool,
    /// Whether there are items before these. Asked for with `after`: true.
    pub has_previous_page: bool,
    /// The cursor of the first item.
    pub start_cursor: Option<String>,
    /// The cursor of the last item.
    pub end_cursor: Option<String>,
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
