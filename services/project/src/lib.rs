//! Projects, tasks, comments and activity.
//!
//! `grpc` decodes and calls `ops`, one use case each; these decide by the rules of `domain`, read and write through
//! `store`, and ask `people` about those who are only ids here. `wire` is what all of it looks like in answers and
//! events. `app` wires it all, `config` reads the environment.

pub mod app;
pub mod config;
mod domain;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grpc;
mod ops;
mod people;
mod store;
mod wire;
