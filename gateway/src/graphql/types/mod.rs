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
