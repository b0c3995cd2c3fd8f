//! The service from outside: real PostgreSQL, real gRPC on a port of its own, org and identity played by the test.

#![allow(clippy::unwrap_used, clippy::needless_update, clippy::too_many_lines)]

mod access;
mod batches;
mod comments;
mod events;
mod harness;
mod idempotency;
mod long_lists;
mod neighbours;
mod news_of_org;
mod notifications;
mod notified;
mod pages;
mod project_names;
mod projects;
mod task_lists;
mod tasks;
mod topics;
mod wall;
mod watching;
mod writes;
