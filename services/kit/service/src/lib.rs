//! The frame of a service: everything that identity, org and project have alike and that is no business of theirs.
//!
//! [`main`] is the whole of a service's `main.rs`: it reads the settings, answers the command line, starts telemetry
//! and runs. [`ServiceConfig`] are the settings that every service has. [`Service`] binds the port, opens the
//! database, lets the service wire itself (its one function, given a [`Start`]), serves, and stops in order.
//! [`Once`] keeps the answers of requests with an idempotency key.

mod background;
mod config;
mod once;
mod process;
mod service;
mod start;

pub use config::{ServiceConfig, assert_readme_has_table};
pub use once::{Answer, KeyError, Once, OnceError};
pub use process::{Command, main, main_with};
pub use service::Service;
pub use start::{Start, waiting_for};
