//! Why something was refused, and how that is told: as an error of a query, or in a mutation's payload.

use async_graphql::{Error, ErrorExtensions, SimpleObject};
use tonic::Status;
use trellis_authn::{AccessError, TokenError};
use trellis_rpc::{Code, Problem};

/// Told to whoever is signed out or has not the role.
pub const NO_PERMISSION: &str = "You do not have permission to perform this action";
/// Told to whoever is not a member, whether there is such an organization or not.
pub const NO_ACCESS: &str = "You don't have access to this organization";

/// A refusal by the codes of REST, in the sentences that clients of the original know.
#[derive(Debug, Clone)]
pub struct Refusal(pub Problem);

impl Refusal {
    pub fn signed_out() -> Self {
        Self(Problem::new(Code::Unauthenticated, NO_PERMISSION))
    }

    /// A token that is not good.
    pub fn token(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self(Problem::new(Code::TokenExpired, NO_PERMISSION)),
            TokenError::Invalid | TokenError::Revoked => Self::signed_out(),
            TokenError::Unknown => {
                Self(Problem::unavailable("Tokens cannot be verified at the moment; try again soon."))
            }
        }
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whether `resource` ("project", "task", …) is what was not found.
    pub fn is_missing(&self, resource: &str) -> bool {
        self.0.code == Code::NotFound && self.0.resource == resource
    }

    /// What is told, one sentence for each thing that is wrong.
    pub fn sentences(&self) -> Vec<String> {
        vec![self.0.detail.clone()]
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(Problem::from(&status))
    }
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        Self(error.into())
    }
}

/// As an entry of a response's `errors`.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.sentences().join("; ")).extend_with(|_, extensions| {
            extensions.set("code", refusal.code().as_str());
        })
    }
}

/// One field of a mutation's input to blame.
#[derive(Debug, Clone, SimpleObject)]
pub struct UserError {
    /// The field of the input, camelCase; null where it is none of them.
    pub field: Option<String>,
    /// A stable snake_case word: `required`, `too_long`, `already_exists`, `not_found`, …
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

impl UserError {
    pub fn of(refusal: &Refusal) -> Vec<Self> {
        vec![Self { field: None, code: refusal.code().as_str().to_owned(), message: refusal.0.detail.clone() }]
    }
}
