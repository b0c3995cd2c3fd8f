//! The crate against a real PostgreSQL and a real NATS. Each test has a database and a context word of its own.

#![allow(clippy::unwrap_used)]

mod fixture;
mod idempotency;
mod losses;
mod outages;
mod own_nats;
mod pool;
mod relay;
mod retention;
mod write;
