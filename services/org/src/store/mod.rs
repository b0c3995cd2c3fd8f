//! All SQL of the service, by table. What is read comes back as types of the domain; nothing is decided here.

pub mod access;
pub mod audit;
pub mod directory;
pub mod invitations;
pub mod members;
pub mod organizations;

use crate::domain::{JoinPolicy, Refusal, Role};

/// A column that a CHECK constraint keeps to what the domain knows.
fn parsed<T>(text: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Result<T, sqlx::Error> {
    parse(text).map_err(|(_, why)| sqlx::Error::Decode(format!("{text:?} {why}").into()))
}

fn role(text: &str) -> Result<Role, sqlx::Error> {
    parsed(text, Role::parse)
}

fn join_policy(text: &str) -> Result<JoinPolicy, sqlx::Error> {
    parsed(text, JoinPolicy::parse)
}
