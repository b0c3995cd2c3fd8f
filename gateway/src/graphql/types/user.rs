//! People.

use async_graphql::{ID, Object};

use crate::{graphql::scalars::DateTime, json};

/// A person.
pub struct User {
    pub person: json::Person,
    /// Known of oneself alone.
    pub created_at: Option<DateTime>,
}

impl From<json::Person> for User {
    fn from(person: json::Person) -> Self {
        Self { person, created_at: None }
    }
}

#[Object]
impl User {
    async fn id(&self) -> ID {
        ID(self.person.id.clone())
    }
}
