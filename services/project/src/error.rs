//! Why an operation was refused, and the one place where that becomes a status on the wire.

use tonic::Status;
use trellis_authn::AccessError;
use trellis_eventlog::{LogError, is_outage};
use trellis_rpc::{Code, Problem};
use trellis_service::OnceError;

use crate::store::bounded::ReadError;

const TOO_MUCH: &str = "This is too much for one answer: a whole list may have at most 10,000 items, and no answer more \
                        than 24 MiB. Please ask for pages, or for smaller ones.";

/// What may not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Organization,
    Project,
    Task,
    Comment,
    Notification,
    Scope,
}

impl Resource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Task => "task",
            Self::Comment => "comment",
            Self::Notification => "notification",
            Self::Scope => "scope",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No user calls where one must, or no service.
    #[error("the caller may not call this")]
    Caller(Status),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the caller's role does not allow this")]
    Forbidden,
    #[error("no such {}", .0.as_str())]
    NotFound(Resource),
    #[error("the {} has another version", .0.as_str())]
    VersionMismatch(Resource),
    /// What of the project's names another project has.
    #[error("the project's names are taken")]
    Taken { slug: bool, key: bool },
    /// Bad values, each with its field or parameter.
    #[error("bad values")]
    Invalid(Problem),
    #[error(transparent)]
    Once(#[from] OnceError),
    /// Org or identity does not answer, or not as it should.
    #[error("a service does not answer: {0}")]
    Peer(Status),
    #[error("more than one answer may hold")]
    TooMuch,
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    /// What is decided by looking first is believed of the constraints.
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
            Some("projects_slug_key") => Self::Taken { slug: true, key: false },
            Some("projects_key_key") => Self::Taken { slug: false, key: true },
            // It was deleted between the look and the write.
            Some("watchers_task_fkey") => Self::NotFound(Resource::Task),
            _ => Self::Database(error),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database(error) => error.into(),
            ReadError::TooMuch => Self::TooMuch,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Caller(status) => status,
            other => Problem::from(other).into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Caller(status) => Self::from(&status),
            Error::Access(error) => error.into(),
            Error::Forbidden => Self::new(Code::Forbidden, "You do not have permission to perform this action"),
            Error::NotFound(resource) => Self::not_found(resource.as_str()),
            Error::VersionMismatch(resource) => Self::new(
                Code::VersionMismatch,
                format!("The {} was changed meanwhile; read it again.", resource.as_str()),
            )
            .with_resource(resource.as_str()),
            Error::Taken { slug, key } => taken(slug, key),
            Error::Invalid(problem) => problem,
            Error::Once(OnceError::Key(error)) => error.into(),
            Error::Once(OnceError::Log(error)) => Error::Log(error).into(),
            Error::Once(error @ OnceError::Unreadable(_)) => unexpected(&error),
            Error::Peer(status) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "org or identity does not answer");
                Self::unavailable("People cannot be looked up at the moment.")
            }
            Error::TooMuch => Self::new(Code::InvalidRequest, TOO_MUCH),
            Error::Log(LogError::Busy) => Self::unavailable("Too much is going on at the moment; please try again."),
            Error::Log(LogError::Database(error)) | Error::Database(error) => database(&error),
            Error::Log(error @ LogError::NoScope) => unexpected(&error),
        }
    }
}

fn taken(slug: bool, key: bool) -> Problem {
    const SLUG: &str = "Project with this slug already exists in this organization";
    const KEY: &str = "Project with this key already exists in this organization";
    let mut problem =
        Problem::new(Code::AlreadyExists, if slug { SLUG } else { KEY }).with_resource(Resource::Project.as_str());
    if slug {
        problem = problem.with_field("slug", "already_exists", SLUG);
    }
    if key {
        problem = problem.with_field("key", "already_exists", KEY);
    }
    problem
}

/// Logged here, once; the caller learns nothing of it.
fn unexpected(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "an operation failed");
    Problem::new(Code::Internal, "Something went wrong on our side.")
}

fn database(error: &sqlx::Error) -> Problem {
    if is_outage(error) {
        tracing::warn!(%error, "the database cannot be used");
        return Problem::unavailable("The service is not available at the moment; please try again.");
    }
    unexpected(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_text_stays_inside() {
        let errors = [
            Error::Database(sqlx::Error::ColumnNotFound("secret".into())),
            Error::Peer(Status::unauthenticated("secret")),
            Error::Log(LogError::Database(sqlx::Error::Protocol("secret".into()))),
        ];
        for error in errors {
            let problem = Problem::from(error);
            assert!(matches!(problem.code, Code::Internal | Code::Unavailable), "{problem:?}");
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
    }

    #[test]
    fn both_names_can_be_taken() {
        let problem = Problem::from(Error::Taken { slug: true, key: true });
        let fields: Vec<_> = problem.fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(fields, ["slug", "key"]);
        assert_eq!(problem.detail, "Project with this slug already exists in this organization");
    }
}
