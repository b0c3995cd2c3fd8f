//! The public objects as JSON, each encoded in one place for REST and live events alike.
//!
//! A type here is made from a service's message and the people it names, and serializes to exactly what the contract
//! shows. The same types describe themselves in the OpenAPI document.

mod activity;
mod audit;
mod comment;
mod notification;
mod organization;
mod person;
mod project;
mod session;
mod task;
mod time;

pub use activity::{Activity, ChangedField, changed_people, changes};
pub use audit::{AuditEntry, audit_changes};
pub use comment::Comment;
pub use notification::{
    AllRead, Forgotten, Notification, NotificationKind, NotificationOrganization, NotificationPage,
    NotificationPreferences, NotificationTask, Watch,
};
pub use organization::{Invitation, JoinPolicy, Member, Organization, Role};
pub use person::{Person, Tokens, User};
pub use project::{Project, ProjectRef, ProjectStatus};
pub use session::Session;
pub use task::{Task, TaskStatus};
pub use time::Time;

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Asks for the next page; null on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Services say "no more" with an empty cursor.
    pub fn new(items: Vec<T>, next_cursor: String) -> Self {
        let next_cursor = (!next_cursor.is_empty()).then_some(next_cursor);
        Self { items, next_cursor }
    }
}
