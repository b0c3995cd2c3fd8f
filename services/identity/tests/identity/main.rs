//! The service as others see it: real PostgreSQL, real gRPC, a fake org.

#![allow(clippy::unwrap_used)]

mod fake_org;
mod follow;
mod login;
mod logout;
mod open_sessions;
mod parallel_refresh;
mod password;
mod peers;
mod process;
mod profile;
mod refresh;
mod register;
mod register_with_organization;
mod renew;
mod rotation;
mod session_pages;
mod users;
mod world;
