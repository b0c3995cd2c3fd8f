//! Why something was refused, and how that is told: as an error of a query, or in a mutation's payload.

use async_graphql::{Error, ErrorExtensions, SimpleObject};
use tonic::Status;
use trellis_authn::{AccessError, TokenError};
use trellis_rpc::{Code, FieldError, Problem};

/// Told to whoever is signed out or has not the role.
pub const NO_PERMISSION: &str = "You do not have permission to perform this action";
/// Told to whoever is not a member, whether there is such an organization or not.
pub const NO_ACCESS: &str = "You don't have access to this organization";

/// A refusal by the codes of REST. Made from what a service or a gate said, its detail is the sentence that clients of
/// the original know; one that is put together here keeps its own.
#[derive(Debug, Clone)]
pub struct Refusal(pub Problem);

impl Refusal {
    pub fn new(code: Code, sentence: &str) -> Self {
        Self(Problem::new(code, sentence))
    }

    pub fn signed_out() -> Self {
        Self::new(Code::Unauthenticated, NO_PERMISSION)
    }

    /// A token that is not good.
    pub fn token(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self::new(Code::TokenExpired, NO_PERMISSION),
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
        let Problem { code, fields, detail, .. } = &self.0;
        match code {
            Code::ValidationFailed | Code::InvalidRequest if !fields.is_empty() => {
                fields.iter().map(sentence).collect()
            }
            _ => vec![detail.clone()],
        }
    }
}

/// A message that begins with a capital is a sentence; the others go on from the name of the field.
fn sentence(FieldError { field, message, .. }: &FieldError) -> String {
    let message = camel(message);
    if message.starts_with(char::is_uppercase) { message } else { format!("{} {message}", camel(field)) }
}

/// The names of services, `due_date`, as clients of GraphQL know them: `dueDate`. Values such as `IN_PROGRESS` stay.
fn camel(text: &str) -> String {
    let mut camel = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if letter == '_' && next.is_ascii_lowercase() && camel.ends_with(is_of_a_name) => {
                camel.push(next.to_ascii_uppercase());
                letters.next();
            }
            _ => camel.push(letter),
        }
    }
    camel
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}

/// The sentence of the original, where it has one.
fn known(problem: &Problem) -> Option<&'static str> {
    Some(match (problem.code, problem.resource.as_str()) {
        (Code::Unauthenticated | Code::TokenExpired | Code::Forbidden, _) => NO_PERMISSION,
        (Code::InvalidCredentials, _) => "Invalid credentials",
        // Not told apart from an organization that there is not.
        (Code::InvitationRequired, _) => "Organization not found",
        (Code::AlreadyExists, "user") => "User with this email already exists",
        (Code::NotFound, "organization") => NO_ACCESS,
        (Code::NotFound, "project") => "Project not found",
        (Code::NotFound, "task") => "Task not found",
        (Code::NotFound, "comment") => "Comment not found",
        (Code::NotFound, "member") => "Member not found",
        (Code::NotFound, "invitation") => "Invitation not found",
        (Code::NotFound, "session") => "Session not found",
        (Code::NotFound, "notification") => "Notification not found",
        _ => return None,
    })
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(match known(&problem) {
            Some(sentence) => Problem { detail: sentence.to_owned(), ..problem },
            None => problem,
        })
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let problem = Problem::from(&status);
        if problem.code == Code::Internal {
            // A service logs its own faults; this is for what went wrong on the way to it.
            tracing::error!(code = ?status.code(), message = status.message(), "a service call failed");
        }
        Self::from(problem)
    }
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        Self::from(Problem::from(error))
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

/// What is wrong with a field of a mutation's input, or with the whole.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// The field of the input, camelCase; null where it is none of them.
    pub field: Option<String>,
    /// A stable snake_case word: `required`, `too_long`, `already_exists`, `not_found`, …
    pub code: String,
    /// What is wrong, for a person; of a field without the field's name.
    pub message: String,
}

impl UserError {
    /// One for each field to blame, or one for the whole.
    pub fn of(refusal: &Refusal) -> Vec<Self> {
        let Problem { code, detail, fields, .. } = &refusal.0;
        if fields.is_empty() {
            return vec![Self { field: None, code: code.as_str().to_owned(), message: detail.clone() }];
        }
        fields
            .iter()
            .map(|FieldError { field, code, message }| Self {
                field: Some(camel(field)),
                code: code.clone(),
                message: camel(message),
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
