//! People: a user as others see one, the user as he sees himself, and the tokens of a session.

use serde::Serialize;
use trellis_proto::identity::v1 as identity;
use utoipa::ToSchema;

use super::Time;

/// A user as everyone in an organization sees one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Person {
    #[schema(format = Uuid)]
    pub id: String,
    pub name: String,
    pub email: String,
}

impl Person {
    /// Someone whose id is all that is known.
    pub fn unknown(id: &str) -> Self {
        Self { id: id.to_owned(), name: String::new(), email: String::new() }
    }
}

impl From<identity::User> for Person {
    fn from(user: identity::User) -> Self {
        Self { id: user.id, name: user.name, email: user.email }
    }
}

/// A user's own account.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    #[schema(format = Uuid)]
    pub id: String,
    pub email: String,
    pub name: String,
    pub created_at: Time,
}

impl User {
    pub fn person(&self) -> Person {
        Person { id: self.id.clone(), name: self.name.clone(), email: self.email.clone() }
    }
}

impl From<identity::User> for User {
    fn from(user: identity::User) -> Self {
        Self { created_at: Time::always(user.created_at.as_ref()), id: user.id, email: user.email, name: user.name }
    }
}

/// What a login gives.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    pub user: User,
    /// For `Authorization: Bearer …`.
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    pub expires_in: u32,
    /// Good for one `POST /auth/refresh`.
    pub refresh_token: String,
}

impl From<identity::Tokens> for Tokens {
    fn from(tokens: identity::Tokens) -> Self {
        Self {
            user: tokens.user.unwrap_or_default().into(),
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
        }
    }
}
