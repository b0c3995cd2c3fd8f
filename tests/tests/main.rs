//! One binary, one cluster: a module per part of the contract.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods, clippy::print_stdout)]

mod audit;
mod authentication;
mod bad_input;
mod canary;
mod clients;
mod crashes;
mod graph;
mod joining;
mod live;
mod notifications;
mod organizations;
mod original;
mod positions;
mod preconditions;
mod rate_limits;
mod readme;
mod story;
mod tasks;
mod tenants;
mod tls;
