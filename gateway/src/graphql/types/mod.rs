//! The objects of the graph. Each holds what a service answered, and the slug of the organization it was asked of.

mod comment;
mod organization;
mod project;
mod task;
mod user;

use std::sync::Arc;

pub use comment::TaskComment;
pub use organization::{Organization, OrganizationMember};
pub use project::Project;
pub use task::Task;
pub use user::User;

/// The slug of the organization that something was asked of.
pub type Org = Arc<str>;
