//! The caller of an operation: its first parameter, everywhere.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataKey, MetadataValue},
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::{ServiceName, TokenError};

/// Where the user's client is, beside the token.
const ADDRESS: &str = "trellis-client-address";
/// Of the longest text of an IP address.
const LONGEST_ADDRESS: usize = 45;

/// Who calls, verified.
#[derive(Clone, Debug)]
pub enum Caller {
    User(User),
    Service(ServiceName),
}

/// From where somebody asks who is not signed in, beside the call that a service makes for them; where that is known.
/// As a user's: good for people to read in a log, never to decide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

/// A signed-in user, with the token to hand on.
#[derive(Clone)]
pub struct User {
    pub id: Uuid,
    pub session: Uuid,
    /// Unix seconds.
    pub expires_at: i64,
    /// From where the user asks, as the gateway saw it and where it is known. It is handed on beside the token and not
    /// signed: good for people to read in a log, never to decide by.
    pub address: Option<IpAddr>,
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

    /// The service, where it is one of these; `forbidden` where a user or another service calls. Whoever asks for a
    /// service says which: what one process needs is no right of the others.
    pub fn service(&self, peers: &[ServiceName]) -> Result<ServiceName, Status> {
        match self {
            Self::Service(name) if peers.contains(name) => Ok(*name),
            Self::Service(_) => Err(Problem::new(Code::Forbidden, "This is not for this service.").into()),
            Self::User(_) => Err(Problem::new(Code::Forbidden, "This is not for users.").into()),
        }
    }
}

impl User {
    pub(crate) fn new(id: Uuid, session: Uuid, expires_at: i64, token: &str) -> Result<Self, TokenError> {
        let mut token: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| TokenError::Invalid)?;
        token.set_sensitive(true);
        Ok(Self { id, session, expires_at, address: None, token })
    }

    /// The same user, asking from there.
    #[must_use]
    pub fn at(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// A request that carries this user's own token, and the address where it is known.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.token.clone());
        ClientAddress(self.address).attach(&mut request);
        request
    }
}

impl ClientAddress {
    /// What a service's call named; nothing beside a user's token, which has its own.
    pub fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().copied().unwrap_or_default()
    }

    pub fn attach<T>(self, request: &mut Request<T>) {
        if let Some(address) = self.0.and_then(|address| address.to_string().parse().ok()) {
            request.metadata_mut().insert(MetadataKey::from_static(ADDRESS), address);
        }
    }
}

/// Takes the address that a call names out of its headers. What is not one address is none: a call never fails by it.
pub(crate) fn take_address(headers: &mut HeaderMap) -> Option<IpAddr> {
    let name = HeaderName::from_static(ADDRESS);
    let mut values = headers.get_all(&name).iter();
    let address = match (values.next(), values.next()) {
        (Some(value), None) if value.len() <= LONGEST_ADDRESS => value.to_str().ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    headers.remove(name);
    address
}
