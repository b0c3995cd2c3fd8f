//! The small vocabulary of refusals.

/// Why a call was refused. The words are those of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidRequest,
    Unauthenticated,
    InvalidCredentials,
    TokenExpired,
    Forbidden,
    InvitationRequired,
    NotFound,
    AlreadyExists,
    LastAdmin,
    VersionMismatch,
    ValidationFailed,
    IdempotencyKeyReused,
    IdempotencyInFlight,
    RateLimited,
    Unavailable,
    Internal,
}

impl Code {
    /// Every one of them.
    pub const ALL: [Self; 16] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::InvalidCredentials,
        Self::TokenExpired,
        Self::Forbidden,
        Self::InvitationRequired,
        Self::NotFound,
        Self::AlreadyExists,
        Self::LastAdmin,
        Self::VersionMismatch,
        Self::ValidationFailed,
        Self::IdempotencyKeyReused,
        Self::IdempotencyInFlight,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The stable snake_case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TokenExpired => "token_expired",
            Self::Forbidden => "forbidden",
            Self::InvitationRequired => "invitation_required",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::LastAdmin => "last_admin",
            Self::VersionMismatch => "version_mismatch",
            Self::ValidationFailed => "validation_failed",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyInFlight => "idempotency_in_flight",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The gRPC code it travels under.
    pub fn grpc(self) -> tonic::Code {
        match self {
            Self::InvalidRequest | Self::ValidationFailed => tonic::Code::InvalidArgument,
            Self::Unauthenticated | Self::InvalidCredentials | Self::TokenExpired => tonic::Code::Unauthenticated,
            Self::Forbidden | Self::InvitationRequired => tonic::Code::PermissionDenied,
            Self::NotFound => tonic::Code::NotFound,
            Self::AlreadyExists => tonic::Code::AlreadyExists,
            Self::LastAdmin | Self::IdempotencyKeyReused => tonic::Code::FailedPrecondition,
            Self::VersionMismatch | Self::IdempotencyInFlight => tonic::Code::Aborted,
            Self::RateLimited => tonic::Code::ResourceExhausted,
            Self::Unavailable => tonic::Code::Unavailable,
            Self::Internal => tonic::Code::Internal,
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}
