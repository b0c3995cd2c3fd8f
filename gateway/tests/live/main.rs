//! `/api/v1/live` as clients meet it: real sockets and a real NATS server, over fake services with a log in memory.

#![allow(clippy::unwrap_used)]

mod client;
mod cursors;
mod delivery;
#[expect(dead_code, reason = "shared with the tests of REST, which ask it for more")]
#[path = "../rest/fake.rs"]
mod fake;
mod proxy;
mod repair;
mod requests;
mod rights;
mod signing_in;
mod slow;
mod store;
mod world;
