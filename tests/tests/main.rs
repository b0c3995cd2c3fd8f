//! One binary, one cluster: a module per part of the contract.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods)]

mod authentication;
mod bad_input;
mod crashes;
mod isolation;
mod live;
mod numbering;
mod organizations;
mod preconditions;
mod readme;
mod story;
mod tasks;
