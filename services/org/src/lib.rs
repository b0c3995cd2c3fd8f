//! Organizations, members, roles and invitations; whether a user may work in an organization.
//!
//! `grpc` decodes and calls `ops`, one use case each; these decide by the rules of `domain` and read and write
//! through `store`; `wire` says what things look like in messages, `people` asks identity. `app` wires it up,
//! `config` is what an operator may set.

pub mod app;
pub mod config;
pub mod domain;
mod error;
mod grpc;
mod ops;
mod people;
mod store;
mod wire;
