//! REST as clients meet it: the real router with real feeds, over fake services that answer what a test says.

#![allow(clippy::unwrap_used)]

mod access;
mod audit;
mod bodies;
mod conditions;
mod connections;
mod cors;
mod fake;
mod gateway;
mod idempotency;
mod limits;
mod my_sessions;
mod notifications;
mod objects;
mod openapi;
mod problems;
