//! Mutations against fake services: what is asked of them, and how their refusals are told.

#![allow(clippy::unwrap_used)]

mod audit;
#[expect(dead_code, reason = "shared with the tests of REST, which ask it for more")]
#[path = "../rest/fake.rs"]
mod fake;
#[expect(dead_code, reason = "shared with the tests of REST, which ask it for more")]
#[path = "../rest/gateway.rs"]
mod gateway;
mod inputs;
mod my_sessions;
mod notifications;
mod pages;
mod reading;
mod reads;
mod refusals;
mod rows;
mod schema;
mod sessions;
mod tokens;
mod world;
mod writes;
