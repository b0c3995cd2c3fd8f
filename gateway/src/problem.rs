//! Every refusal in the one shape of RFC 9457, and the one table from the services' codes to HTTP.
//!
//! A `Problem` becomes a response without a body; the edge writes the body, since it alone knows the request's id.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use tonic::Status;
use trellis_rpc::Code;
use utoipa::ToSchema;

pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was refused.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: u32,
    challenge: Challenge,
}

/// What `WWW-Authenticate` says. RFC 6750 tells no token apart from a bad one.
#[derive(Debug, Clone, Copy)]
enum Challenge {
    None,
    SignIn,
    BadToken(&'static str),
}

/// One field, query parameter or header to blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    #[schema(example = "name")]
    pub field: String,
    #[schema(example = "too_long")]
    pub code: Cow<'static, str>,
    #[schema(example = "must be at most 200 characters")]
    pub message: Cow<'static, str>,
}

/// What a client reads.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Shown<'a> {
    #[schema(example = "urn:trellis:problem:validation_failed")]
    r#type: String,
    #[schema(example = "Validation failed")]
    title: &'a str,
    #[schema(example = 422)]
    status: u16,
    /// One sentence for a person.
    detail: &'a str,
    /// A stable snake_case word.
    #[schema(example = "validation_failed")]
    code: &'a str,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// The same as in `x-request-id`.
    request_id: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: 0,
            challenge: Challenge::None,
        }
    }

    pub fn of(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let (status, title) = http(code);
        let problem = Self::new(status, code.as_str(), title, detail);
        match status {
            StatusCode::UNAUTHORIZED => Self { challenge: Challenge::SignIn, ..problem },
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Self { retry_after: 1, ..problem },
            _ => problem,
        }
    }

    /// 400, without a field to blame.
    pub fn invalid_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Code::InvalidRequest, detail)
    }

    /// 401: nobody is signed in.
    pub fn signed_out() -> Self {
        Self::of(Code::Unauthenticated, "Sign in first: this needs an access token.")
    }

    /// 401: somebody tried.
    pub fn bad_token(code: Code, detail: &'static str) -> Self {
        Self { challenge: Challenge::BadToken(detail), ..Self::of(code, detail) }
    }

    pub fn not_found(resource: &str) -> Self {
        Self::from(trellis_rpc::Problem::not_found(resource))
    }

    pub fn payload_too_large() -> Self {
        Self::status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// What HTTP itself refuses, and whatever else ends with this status.
    pub fn status(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST => Self::invalid_request("The request could not be understood."),
            StatusCode::UNAUTHORIZED => Self::signed_out(),
            StatusCode::FORBIDDEN => Self::of(Code::Forbidden, "You do not have permission to do this."),
            StatusCode::NOT_FOUND => Self::of(Code::NotFound, "There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method_not_allowed",
                "Method not allowed",
                "This address does not take that method; see `Allow`.",
            ),
            StatusCode::REQUEST_TIMEOUT => {
                Self::new(status, "request_timeout", "Request timeout", "The request's body did not arrive in time.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "payload_too_large", "Payload too large", "A body holds at most 256 KiB.")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                status,
                "unsupported_media_type",
                "Unsupported media type",
                "The body must be JSON, sent as application/json.",
            ),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                Self::new(status, "headers_too_large", "Headers too large", "Request headers hold at most 32 KiB.")
            }
            StatusCode::TOO_MANY_REQUESTS => Self::of(Code::RateLimited, "Too many requests; wait a moment."),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::BAD_GATEWAY => {
                Self::of(Code::Unavailable, "This is not available at the moment; try again soon.")
            }
            other if other.is_client_error() => {
                let title = other.canonical_reason().unwrap_or("Bad request");
                Self::new(other, "invalid_request", title, "The request could not be understood.")
            }
            _ => Self::internal(),
        }
    }

    /// The caller has logged why; nobody else is told.
    pub fn internal() -> Self {
        Self::of(Code::Internal, "Something went wrong on our side.")
    }

    /// Blames a field, a query parameter or a header.
    #[must_use]
    pub fn field(
        mut self,
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.errors.push(FieldError { field: field.into(), code: code.into(), message: message.into() });
        self
    }

    #[must_use]
    pub fn fields(mut self, errors: Vec<FieldError>) -> Self {
        self.errors.extend(errors);
        self
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn http_status(&self) -> StatusCode {
        self.status
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn errors_mut(&mut self) -> &mut [FieldError] {
        &mut self.errors
    }

    /// `Retry-After` and `WWW-Authenticate`, where they belong.
    pub fn put_headers(&self, headers: &mut HeaderMap) {
        if self.retry_after > 0 {
            headers.insert(header::RETRY_AFTER, self.retry_after.into());
        }
        let challenge = match self.challenge {
            Challenge::None => return,
            Challenge::SignIn => Ok(HeaderValue::from_static("Bearer realm=\"trellis\"")),
            Challenge::BadToken(why) => HeaderValue::try_from(format!(
                "Bearer realm=\"trellis\", error=\"invalid_token\", error_description=\"{why}\""
            )),
        };
        if let Ok(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }

    /// The body, once the request's id is known.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let shown = Shown {
            r#type: format!("urn:trellis:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
            request_id,
        };
        serde_json::to_vec(&shown).unwrap_or_default()
    }
}

/// The one table from what services say to HTTP.
fn http(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::InvalidRequest => (StatusCode::BAD_REQUEST, "Invalid request"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Not signed in"),
        Code::InvalidCredentials => (StatusCode::UNAUTHORIZED, "Invalid credentials"),
        Code::TokenExpired => (StatusCode::UNAUTHORIZED, "Token expired"),
        Code::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
        Code::InvitationRequired => (StatusCode::FORBIDDEN, "Invitation required"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "Already exists"),
        Code::LastAdmin => (StatusCode::CONFLICT, "Last admin"),
        Code::IdempotencyInFlight => (StatusCode::CONFLICT, "Request in flight"),
        Code::VersionMismatch => (StatusCode::PRECONDITION_FAILED, "Version mismatch"),
        Code::ValidationFailed => (StatusCode::UNPROCESSABLE_ENTITY, "Validation failed"),
        Code::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}

impl From<trellis_rpc::Problem> for Problem {
    fn from(problem: trellis_rpc::Problem) -> Self {
        let errors = problem.fields.into_iter().map(|field| FieldError {
            field: field.field,
            code: field.code.into(),
            message: field.message.into(),
        });
        let mut http = Self::of(problem.code, problem.detail).fields(errors.collect());
        http.retry_after = http.retry_after.max(problem.retry_after_seconds);
        http
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let problem = trellis_rpc::Problem::from(&status);
        if problem.code == Code::Internal {
            // A service logs its own faults; this is for what went wrong on the way to it.
            tracing::error!(code = ?status.code(), message = status.message(), "a service call failed");
        }
        Self::from(problem)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
