//! The objects of the graph. Each holds what a service answered, and the slug of the organization it was asked of.

mod activity;
mod audit;
mod comment;
mod enums;
mod invitation;
mod member;
mod notification;
mod organization;
mod project;
mod session;
mod task;
mod task_list;
mod user;

use std::sync::Arc;

use async_graphql::Context;

pub use activity::{Activity, FieldChange};
pub use audit::AuditEntry;
pub use comment::TaskComment;
pub use enums::{JoinPolicy, ProjectStatus, Role, TaskStatus};
pub use invitation::Invitation;
pub use member::OrganizationMember;
pub use notification::{Notification, NotificationConnection, NotificationPreferences};
pub use organization::Organization;
pub use project::Project;
pub use session::Session;
pub use task::Task;
pub use task_list::{AssigneeFilter, OrderDirection, TaskFilter, TaskList, TaskOrder, TaskOrderField};
pub use user::User;

/// The slug of the organization that something was asked of.
pub type Org = Arc<str>;

/// Whether no more than these fields are asked of an object: what is known of it already. Then it need not be loaded,
/// and an event shows it also where it is there no more.
fn asks_only(ctx: &Context<'_>, known: &[&str]) -> bool {
    ctx.field().selection_set().all(|field| field.name() == "__typename" || known.contains(&field.name()))
}
