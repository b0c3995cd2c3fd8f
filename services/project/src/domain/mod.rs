//! What a project, a task and a comment are, and which values they may have. Parsing and rules only: no database, no
//! network, no wire format.

mod activity;
mod comment;
mod cursor;
mod due;
mod kind;
mod mention;
mod notification;
mod project;
mod project_key;
mod slug;
mod task;
mod task_id;
mod task_query;
mod text;
mod window;

pub use activity::{Activity, Change, ChangeSet};
pub use comment::Comment;
pub use cursor::{CreatedCursor, SeqCursor};
pub use due::{date, instant, show_date, show_instant};
pub use kind::Kind;
pub use mention::{Known, mentions};
pub use notification::{News, Notification, OrganizationRef, Preferences, Reason, TaskRef, excerpt};
pub use project::{Project, ProjectStatus, names_project};
pub use project_key::ProjectKey;
pub use slug::Slug;
pub use task::{ProjectRef, Task, TaskStatus};
pub use task_id::TaskId;
pub use task_query::{AssigneeFilter, Place, RawTaskQuery, Sort, SortKey, TaskQuery};
pub use text::{body, comment_text, line};
/// What is wrong with a value: a stable code and a sentence that needs no field name.
pub use trellis_text::Refusal as Fault;
pub use window::{LONGEST_LIST, RawPage, Shown, Window};

/// The longest name of a project and title of a task.
pub const MAX_LINE: usize = 200;
/// The longest description and comment.
pub const MAX_BODY: usize = 20_000;

fn invalid(message: impl Into<String>) -> Fault {
    ("invalid", message.into())
}
