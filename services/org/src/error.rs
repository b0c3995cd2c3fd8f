//! Why an operation did not happen, and the one place where that becomes an answer.

use tonic::Status;
use trellis_eventlog::{LogError, is_outage};
use trellis_rpc::{Code, Problem};
use trellis_service::OnceError;

use crate::{
    domain::{LONGEST, Unique},
    store::organizations::Conflict,
};

/// Every way in which an operation ends without an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A user's token where a service's is needed, or the other way round.
    #[error("the wrong kind of caller")]
    Caller(Box<Status>),
    /// Not a member, or no such organization: alike.
    #[error("no such organization")]
    OrganizationNotFound,
    #[error("no such member")]
    MemberNotFound,
    /// Wrong, expired, revoked, used, or for another e-mail: alike.
    #[error("no such invitation")]
    InvitationNotFound,
    #[error("not permitted")]
    Forbidden,
    /// Fields with bad values.
    #[error("bad values")]
    Invalid(Problem),
    /// A parameter that a well-behaved client never sends.
    #[error("bad parameter {0}")]
    BadParameter(&'static str),
    /// In the order in which people are told; never empty.
    #[error("taken: {0:?}")]
    Taken(Vec<Unique>),
    #[error("the e-mail has an open invitation")]
    EmailInvited,
    #[error("the e-mail belongs to a member")]
    EmailOfMember,
    #[error("already a member")]
    AlreadyMember,
    /// The field that asked for it.
    #[error("the last ADMIN stays")]
    LastAdmin(&'static str),
    #[error("not the current version")]
    VersionMismatch,
    /// Asked for whole, and longer than that may be.
    #[error("the list is too long to be given whole")]
    ListTooLong,
    /// The same, by its bytes.
    #[error("the list is too heavy to be given whole")]
    ListTooHeavy,
    /// Creating an organization without a user, where the operator does not want it.
    #[error("organizations are made by users only")]
    SignedOut,
    /// No fitting invitation, or no such organization: alike.
    #[error("an invitation is required")]
    InvitationRequired,
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error("identity does not answer: {}", .0.code())]
    Identity(Box<Status>),
    #[error("too many writes are waiting")]
    Busy,
    /// What is stored or was sent by another process makes no sense.
    #[error("unexpected: {0}")]
    Unexpected(&'static str),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    fn into_problem(self) -> Problem {
        match self {
            Self::Caller(status) => Problem::from(&*status),
            Self::OrganizationNotFound => Problem::not_found("organization"),
            Self::MemberNotFound => Problem::not_found("member"),
            Self::InvitationNotFound => Problem::not_found("invitation"),
            Self::Forbidden => Problem::new(Code::Forbidden, "You do not have permission to perform this action"),
            Self::Invalid(problem) => problem,
            Self::BadParameter(name) => Problem::new(
                Code::InvalidRequest,
                format!("The parameter \"{name}\" is not valid."),
            )
            .with_field(name, "invalid", "is not valid"),
            Self::Taken(fields) => taken(&fields),
            Self::EmailInvited => {
                let sentence = "This e-mail has an open invitation already; revoke it to invite anew.";
                already_exists("invitation", sentence).with_field(
                    "email",
                    "already_exists",
                    "has an open invitation already",
                )
            }
            Self::EmailOfMember => already_exists("member", "The user with this e-mail is a member already.")
                .with_field("email", "already_exists", "belongs to a member already"),
            Self::AlreadyMember => already_exists("member", "You are a member of this organization already.")
                .with_field("token", "already_exists", "is for an organization that you are a member of"),

            Self::LastAdmin(field) => Problem::new(
                Code::LastAdmin,
                "An organization needs at least one ADMIN: make somebody else ADMIN first.",
            )
            .with_field(field, "last_admin", "is the last ADMIN"),
            Self::VersionMismatch => {
                Problem::new(Code::VersionMismatch, "The organization was changed meanwhile; read it again.")
                    .with_resource("organization")
            }
            Self::ListTooLong => Problem::new(
                Code::InvalidRequest,
                format!("This list has more than {LONGEST} items; ask for it page by page."),
            ),
            Self::ListTooHeavy => {
                Problem::new(Code::InvalidRequest, "This list is too large to be given whole; ask for it page by page.")
            }
            Self::SignedOut => {
                Problem::new(Code::Unauthenticated, "Creating an organization needs a signed-in user here.")
            }
            Self::InvitationRequired => {
                Problem::new(Code::InvitationRequired, "Joining this organization takes an invitation for this e-mail.")
            }
            Self::Once(OnceError::Key(error)) => error.into(),
            Self::Once(OnceError::Log(error)) => Self::from(error).into_problem(),
            Self::Once(OnceError::Unreadable(_)) => Self::Unexpected("a kept answer cannot be decoded").into_problem(),
            Self::Identity(status) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "identity does not answer");
                Problem::unavailable("People cannot be looked up at the moment.")
            }
            Self::Busy => Problem::unavailable("Too many changes are waiting; please try again."),
            Self::Unexpected(what) => {
                tracing::error!(what, "unexpected");
                internal()
            }
            Self::Database(error) if is_outage(&error) => {
                tracing::warn!(%error, "the database does not answer");
                Problem::unavailable("The database does not answer at the moment.")
            }
            Self::Database(error) => {
                tracing::error!(%error, "unexpected database error");
                internal()
            }
        }
    }
}

fn taken(fields: &[Unique]) -> Problem {
    let sentence = |unique: &Unique| format!("Organization with this {} already exists", unique.word());
    let detail = fields.first().map(sentence).unwrap_or_default();
    fields.iter().fold(already_exists("organization", detail), |problem, unique| {
        problem.with_field(unique.field(), "already_exists", "is taken already")
    })
}

fn already_exists(resource: &str, detail: impl Into<String>) -> Problem {
    Problem::new(Code::AlreadyExists, detail).with_resource(resource)
}

fn internal() -> Problem {
    Problem::new(Code::Internal, "Something went wrong.")
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.into_problem().into()
    }
}

impl From<Status> for Error {
    /// Of the questions to a [`Caller`](trellis_authn::Caller), the only ones that answer so.
    fn from(status: Status) -> Self {
        Self::Caller(Box::new(status))
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Busy => Self::Busy,
            LogError::NoScope => Self::Unexpected("the scope of memberships is missing"),
            LogError::Database(error) => Self::Database(error),
        }
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Taken(unique) => Self::Taken(vec![unique]),
            Conflict::Database(error) => Self::Database(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_told_in_order_and_all_of_it() {
        let problem = Error::Taken(vec![Unique::Slug, Unique::ContactEmail]).into_problem();
        assert_eq!(problem.detail, "Organization with this slug already exists");
        let fields: Vec<_> = problem.fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(fields, ["slug", "contact_email"]);
        let email = Error::Taken(vec![Unique::ContactEmail]).into_problem();
        assert_eq!(email.detail, "Organization with this email already exists");
    }

    #[test]
    fn inner_text_stays_inside() {
        let errors = [
            Error::Database(sqlx::Error::ColumnNotFound("secret".into())),
            Error::Unexpected("secret"),
            Error::Identity(Box::new(Status::unauthenticated("secret"))),
            Error::Database(sqlx::Error::Protocol("secret".into())),
        ];
        for error in errors {
            let problem = error.into_problem();
            assert!(matches!(problem.code, Code::Internal | Code::Unavailable), "{problem:?}");
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
    }
}
