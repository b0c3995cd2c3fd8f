//! The sockets (`/api/v1/live`, the original's, GraphQL's) as clients meet them: real ones and a real NATS server, over
//! fake services with a log in memory.

#![allow(clippy::unwrap_used)]

mod client;
mod counted;
mod cursors;
mod delivery;
mod ends;
#[expect(dead_code, reason = "shared with the tests of REST, which ask it for more")]
#[path = "../rest/fake.rs"]
mod fake;
mod graphql;
mod graphql_protocol;
mod listening;
mod log;
mod many;
mod notifications;
mod notified;
mod original;
mod proxy;
mod repair;
mod requests;
mod rights;
mod signing_in;
mod slow;
mod store;
mod world;
