//! Why an operation failed, and the one table of what its caller is told.

use tonic::Status;
use trellis_eventlog::{LogError, is_outage};
use trellis_rpc::{Code, Problem};
use trellis_service::OnceError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A user called what is for services, or the other way round.
    #[error("the wrong kind of caller")]
    Caller(#[from] Status),
    /// The session of the access token has ended, or the refresh token is good for nothing.
    #[error("not signed in")]
    Unauthenticated,
    /// No such user, wrong password, or still registering: alike.
    #[error("wrong e-mail or password")]
    InvalidCredentials,
    #[error("the request is not valid")]
    Invalid(Problem),
    /// A parameter that a well-behaved client never sends.
    #[error("bad parameter {0}")]
    BadParameter(&'static str),
    #[error("the current password is wrong")]
    IncorrectPassword,
    #[error("the e-mail is taken")]
    EmailTaken,
    /// Nobody's, somebody else's or over: alike.
    #[error("no such session")]
    NoSession,
    /// What this process knows of the signing keys is too old to sign by.
    #[error("the signing keys are not known")]
    KeysUnknown,
    /// Not invited, or no such organization: alike.
    #[error("the organization does not take this user")]
    InvitationRequired,
    #[error(transparent)]
    Once(#[from] OnceError),
    /// More passwords wait to be checked than can be in good time.
    #[error("too many passwords wait to be checked")]
    Crowded,
    /// It is not known whether the user joined; the sweeper will find out.
    #[error("org did not answer")]
    OrgUnavailable,
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// What cannot happen, did.
    #[error("{0}")]
    Unexpected(String),
}

/// What `Violations` found.
impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
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
            Error::Unauthenticated => Self::new(Code::Unauthenticated, "Please sign in."),
            Error::InvalidCredentials => Self::new(Code::InvalidCredentials, "The e-mail or the password is wrong."),
            Error::Invalid(problem) => problem,
            Error::BadParameter(name) => Self::new(
                Code::InvalidRequest,
                format!("The parameter \"{name}\" is not valid."),
            )
            .with_field(name, "invalid", "is not valid"),
            Error::IncorrectPassword => Self::new(
                Code::ValidationFailed,
                "The field \"current_password\" is not valid.",
            )
            .with_field("current_password", "incorrect", "is not your password"),
            Error::EmailTaken => Self::new(Code::AlreadyExists, "A user with this e-mail already exists.")
                .with_field("email", "already_exists", "is already registered")
                .with_resource("user"),
            Error::NoSession => Self::not_found("session"),
            Error::KeysUnknown => Self::unavailable("Signing in is not possible at the moment."),
            Error::InvitationRequired => {
                Self::new(Code::InvitationRequired, "Joining this organization needs an invitation.")
                    .with_resource("organization")
            }
            Error::Once(OnceError::Key(error)) => error.into(),
            Error::Once(OnceError::Log(error)) => Error::Log(error).into(),
            Error::Once(error @ OnceError::Unreadable(_)) => unexpected(&error),
            Error::OrgUnavailable => Self::unavailable("Joining the organization is not possible at the moment."),
            Error::Crowded | Error::Log(LogError::Busy) => busy(),
            Error::Log(LogError::Database(error)) | Error::Database(error) => database(&error),
            Error::Log(error @ LogError::NoScope) => unexpected(&error),
            Error::Unexpected(ref text) => unexpected(text),
        }
    }
}

fn busy() -> Problem {
    Problem::unavailable("Too much is going on at the moment; please try again.")
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
