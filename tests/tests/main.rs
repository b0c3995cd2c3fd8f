//! One binary, one cluster: a module per part of the contract.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods)]

mod audit;
mod authentication;
mod bad_input;
mod clients;
mod crashes;
mod graph;
mod isolation;
mod live;
mod numbering;
mod organizations;
mod original;
mod preconditions;
mod readme;
mod story;
mod tasks;
