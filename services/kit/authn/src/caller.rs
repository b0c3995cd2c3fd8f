//! The caller of an operation: its first parameter, everywhere.

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::{ServiceName, TokenError};

/// Who calls, verified.
#[derive(Clone, Debug)]
pub enum Caller {
    User(User),
    Service(ServiceName),
}

/// A signed-in user, with the token to hand on.
#[derive(Clone)]
pub struct User {
    pub id: Uuid,
    pub session: Uuid,
    /// Unix seconds.
    pub expires_at: i64,
    /// The user's token as a header: marked sensitive, cheap to clone.
    token: MetadataValue<Ascii>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Caller {
    /// The caller that the layer verified.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        // Absent only where a service was mounted without the layer; then nobody may call it.
        request.extensions().get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a call reached its handler without authentication");
            Problem::new(Code::Unauthenticated, "Sign-in is required.").into()
        })
    }

    /// The user, or `unauthenticated` where a service calls.
    pub fn user(&self) -> Result<&User, Status> {
        match self {
            Self::User(user) => Ok(user),
            Self::Service(_) => Err(Problem::new(Code::Unauthenticated, "This needs a signed-in user.").into()),
        }
    }

    /// The service, or `forbidden` where a user calls.
    pub fn service(&self) -> Result<ServiceName, Status> {
        match self {
            Self::Service(name) => Ok(*name),
            Self::User(_) => Err(Problem::new(Code::Forbidden, "This is not for users.").into()),
        }
    }
}

impl User {
    pub(crate) fn new(id: Uuid, session: Uuid, expires_at: i64, token: &str) -> Result<Self, TokenError> {
        let mut token: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| TokenError::Invalid)?;
        token.set_sensitive(true);
        Ok(Self { id, session, expires_at, token })
    }

    /// A request that carries this user's own token.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.token.clone());
        request
    }
}
