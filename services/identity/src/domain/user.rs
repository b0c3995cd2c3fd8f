//! A person who can log in.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A user, as others may see them.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

/// A user together with what proves that they are it. Deliberately without `Debug`.
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
    /// Still registering: may not log in.
    pub pending: bool,
}

/// People stay out of logs: only the id is shown.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}
