//! A refusal, and how it travels in a `tonic::Status`.

use prost::Message;
use tonic::Status;
use trellis_proto::error::v1 as proto;

use crate::code::Code;

/// What is said where the cause is our own and none of the caller's business.
const INTERNAL: &str = "Something went wrong on our side.";
const UNAVAILABLE: &str = "The service is not available at the moment; please try again.";

/// A refusal: a code, a sentence for a person, and the fields to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// One sentence for a person; never internal text.
    pub detail: String,
    pub fields: Vec<FieldError>,
    /// What was not found or is taken: "organization", "project", …; may be empty.
    pub resource: String,
    pub retry_after_seconds: u32,
}

/// One bad field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub code: String,
    pub message: String,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), resource: String::new(), retry_after_seconds: 0 }
    }

    /// `resource` was not found: "The {resource} does not exist, or you may not see it."
    pub fn not_found(resource: &str) -> Self {
        let detail = format!("The {resource} does not exist, or you may not see it.");
        Self::new(Code::NotFound, detail).with_resource(resource)
    }

    /// Dependencies are not reachable; trying again in a second makes sense.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after_seconds: 1, ..Self::new(Code::Unavailable, detail) }
    }

    /// An unexpected fault, of which nothing is told. Log what happened before making it.
    pub fn internal() -> Self {
        Self::new(Code::Internal, INTERNAL)
    }

    #[must_use]
    pub fn with_field(mut self, field: &str, code: &str, message: impl Into<String>) -> Self {
        self.fields.push(FieldError::new(field, code, message));
        self
    }

    #[must_use]
    pub fn with_resource(self, resource: &str) -> Self {
        Self { resource: resource.to_owned(), ..self }
    }
}

impl FieldError {
    fn new(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code: code.to_owned(), message: message.into() }
    }
}

impl From<Problem> for Status {
    /// The problem goes into the status's details as `trellis.error.v1.Problem`.
    fn from(problem: Problem) -> Self {
        let details = proto::Problem {
            code: problem.code.as_str().to_owned(),
            detail: problem.detail.clone(),
            fields: problem.fields.into_iter().map(Into::into).collect(),
            resource: problem.resource,
            retry_after_seconds: problem.retry_after_seconds,
        };
        Self::with_details(problem.code.grpc(), problem.detail, details.encode_to_vec().into())
    }
}

impl From<&Status> for Problem {
    /// A status without our details (a transport fault, a timeout, another server) becomes `unavailable` or
    /// `internal`; its text is dropped.
    fn from(status: &Status) -> Self {
        if let Some(problem) = from_details(status.details()) {
            return problem;
        }
        match status.code() {
            // A connection that dies under a call can arrive as any of these.
            tonic::Code::Unavailable
            | tonic::Code::DeadlineExceeded
            | tonic::Code::Cancelled
            | tonic::Code::Unknown
            | tonic::Code::ResourceExhausted => Self::unavailable(UNAVAILABLE),
            tonic::Code::Unauthenticated => Self::new(Code::Unauthenticated, "Please sign in."),
            _ => Self::internal(),
        }
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

fn from_details(details: &[u8]) -> Option<Problem> {
    let details = proto::Problem::decode(details).ok()?;
    Some(Problem {
        code: Code::from_word(&details.code)?,
        detail: details.detail,
        fields: details.fields.into_iter().map(Into::into).collect(),
        resource: details.resource,
        retry_after_seconds: details.retry_after_seconds,
    })
}

impl From<FieldError> for proto::FieldError {
    fn from(FieldError { field, code, message }: FieldError) -> Self {
        Self { field, code, message }
    }
}

impl From<proto::FieldError> for FieldError {
    fn from(proto::FieldError { field, code, message }: proto::FieldError) -> Self {
        Self { field, code, message }
    }
}

/// Collects every bad field of a request, so that all are told at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldError>);

impl Violations {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, field: &str, code: &str, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// Keeps the value, or notes the field's error and gives `None`.
    pub fn check<T>(&mut self, field: &str, result: Result<T, (&'static str, String)>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err((code, message)) => {
                self.push(field, code, message);
                None
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Err(validation_failed)` with every field, or `Ok`.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let detail = match self.0.as_slice() {
            [only] => format!("The field \"{}\" is not valid.", only.field),
            several => format!("{} fields are not valid.", several.len()),
        };
        Err(Problem { fields: self.0, ..Problem::new(Code::ValidationFailed, detail) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire_with_all_it_says() {
        for code in Code::ALL {
            let problem = Problem {
                retry_after_seconds: 3,
                ..Problem::new(code, "Größer als erlaubt.")
                    .with_field("name", "too_long", "must be at most 100 characters")
                    .with_resource("project")
            };
            let status = Status::from(problem.clone());
            assert_eq!(status.code(), code.grpc());
            assert_eq!(Problem::from(&status), problem);
        }
    }

    #[test]
    fn a_strange_status_tells_nothing_of_its_text() {
        let secret = "relation \"users\" does not exist";
        for (code, expected) in [
            (tonic::Code::Unavailable, Code::Unavailable),
            (tonic::Code::DeadlineExceeded, Code::Unavailable),
            (tonic::Code::Cancelled, Code::Unavailable),
            (tonic::Code::Unknown, Code::Unavailable),
            (tonic::Code::ResourceExhausted, Code::Unavailable),
            (tonic::Code::Unauthenticated, Code::Unauthenticated),
            (tonic::Code::NotFound, Code::Internal),
            (tonic::Code::Internal, Code::Internal),
            (tonic::Code::Unimplemented, Code::Internal),
        ] {
            let problem = Problem::from(&Status::new(code, secret));
            assert_eq!(problem.code, expected, "{code:?}");
            assert!(!problem.detail.contains("users"));
            assert_eq!(problem.retry_after_seconds, u32::from(expected == Code::Unavailable));
        }
    }

    #[test]
    fn details_that_are_not_ours_are_ignored() {
        for details in [&b"\xff\xff\xff"[..], b"\x0a\x05other"] {
            let status = Status::with_details(tonic::Code::NotFound, "x", details.to_vec().into());
            assert_eq!(Problem::from(&status).code, Code::Internal);
        }
    }

    #[test]
    fn violations_are_told_all_at_once() {
        let mut violations = Violations::new();
        assert_eq!(violations.check("name", Ok::<_, (&'static str, String)>(5)), Some(5));
        assert!(violations.is_empty());
        let nothing: Option<()> = violations.check("email", Err(("invalid", "is no e-mail address".into())));
        assert_eq!(nothing, None);
        violations.push("password", "too_short", "must have at least 8 characters");
        let problem = violations.finish().err();
        let fields: Vec<_> = problem
            .iter()
            .flat_map(|problem| &problem.fields)
            .map(|field| (field.field.as_str(), field.code.as_str()))
            .collect();
        assert_eq!(fields, [("email", "invalid"), ("password", "too_short")]);
        assert_eq!(problem.map(|problem| problem.code), Some(Code::ValidationFailed));
        assert_eq!(Violations::new().finish(), Ok(()));
    }
}
