//! The service as its callers see it: real PostgreSQL, real gRPC, a fake identity. Run by `make test`.

#![allow(clippy::unwrap_used)]

mod access;
mod audit;
mod invitations;
mod isolation;
mod join;
mod lifecycle;
mod lists;
mod members;
mod organizations;
mod pages;
mod signed_out;
mod support;
