//! The handlers of REST, one file per resource: decode, call a service, encode.
//!
//! No rule of the domain is here. Each handler describes itself for the OpenAPI document right above its code.

pub mod activity;
pub mod audit;
pub mod comments;
pub mod invitations;
pub mod me;
pub mod members;
pub mod my_sessions;
pub mod notifications;
pub mod organizations;
pub mod projects;
pub mod sessions;
pub mod tasks;
pub mod watching;
