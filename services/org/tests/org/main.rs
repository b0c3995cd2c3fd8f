//! The service as its callers see it: real PostgreSQL, real gRPC, a fake identity. Run by `make test`.

#![allow(clippy::unwrap_used)]

mod access;
mod appended;
mod audit;
mod directory;
mod invitations;
mod isolation;
mod join;
mod last_admin;
mod lifecycle;
mod lists;
mod members;
mod organizations;
mod pages;
mod races;
mod rights;
mod signed_out;
mod support;
