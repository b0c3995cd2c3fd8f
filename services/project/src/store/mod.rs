//! All SQL of the service. Functions take a connection: a reader for reads, the write's for what must happen under a
//! scope's lock. Every statement is by `org_id`, which comes from the check of access. Behind that stands row-level
//! security: a reader and a write are of one organization, and to them no rows of others are there.

pub mod activity;
pub mod bounded;
pub mod comment_list;
pub mod comments;
pub mod deleted;
pub mod leavings;
pub mod notification_list;
pub mod notifications;
pub mod org_feed;
pub mod preferences;
pub mod projects;
mod rows;
pub mod task_list;
pub mod tasks;
pub mod tenants;
pub mod topics;
pub mod undigested;
pub mod watchers;
