//! Users, passwords, sessions and signing keys.
//!
//! `grpc` decodes and calls `ops`, one use case each; these decide by the rules of `domain` and read and write
//! through `store`. `app` wires it up, `config` is what an operator may set.

pub mod app;
pub mod config;
pub mod domain;
mod error;
mod grpc;
mod ops;
mod store;
