//! Who asks: one per operation, in its context.

use std::sync::Arc;

use async_graphql::Context;
use bytes::Bytes;
use http::HeaderValue;
use trellis_authn::{TokenError, User};
use trellis_proto::identity::v1::ClientInfo;
use trellis_rpc::{Code, Problem};

use super::Refusal;
use crate::{
    app::{App, Gateway},
    clients::Clients,
    idempotency,
    limits::RateLimits,
};

/// What a resolver knows of the operation that it is part of. Cheap to clone.
#[derive(Clone)]
pub struct Viewer(Arc<Inner>);

struct Inner {
    gateway: App,
    presented: Option<Result<User, TokenError>>,
    client: ClientInfo,
    idempotency: Option<Idempotency>,
}

/// The `Idempotency-Key` of a request, and the body that came with it.
pub struct Idempotency {
    pub key: HeaderValue,
    pub body: Bytes,
}

impl Viewer {
    /// `token`: what was presented, if anything. One that is not good fails nothing by itself: operations that need no
    /// user never look at it.
    pub fn new(gateway: App, token: Option<&str>, client: ClientInfo, idempotency: Option<Idempotency>) -> Self {
        let address = client.ip.parse().ok();
        let presented = token.map(|token| gateway.sessions.verify(token).map(|user| user.at(address)));
        Self(Arc::new(Inner { gateway, presented, client, idempotency }))
    }

    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked()
    }

    /// The signed-in user. The first thing that a resolver asks for which needs one.
    pub fn user(&self) -> Result<&User, Refusal> {
        match self.presented() {
            Some(Ok(user)) => Ok(user),
            Some(Err(error)) => Err(Refusal::token(error)),
            None => Err(Refusal::signed_out()),
        }
    }

    /// The signed-in user or nobody, for what needs none: a token that is not good is none. Whether one is good must be
    /// known, though.
    pub fn anyone(&self) -> Result<Option<&User>, Refusal> {
        match self.presented() {
            Some(Ok(user)) => Ok(Some(user)),
            Some(Err(error @ TokenError::Unknown)) => Err(Refusal::token(error)),
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// What became of the token that the request brought; `None` where it brought none.
    pub fn presented(&self) -> Option<Result<&User, TokenError>> {
        self.0.presented.as_ref().map(|verified| verified.as_ref().map_err(|error| *error))
    }

    pub fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }

    pub fn app(&self) -> &App {
        &self.0.gateway
    }

    pub fn clients(&self) -> &Clients {
        &self.0.gateway.clients
    }

    /// How often anybody may ask.
    pub fn limits(&self) -> &RateLimits {
        &self.0.gateway.limits
    }

    /// From where a session is opened.
    pub fn client(&self) -> ClientInfo {
        self.0.client.clone()
    }

    /// A call on behalf of the user, to be done once where the request brought an `Idempotency-Key`. Two mutations of
    /// one request are told apart by their response keys.
    pub fn request<M>(&self, ctx: &Context<'_>, message: M) -> Result<tonic::Request<M>, Refusal> {
        let mut request = self.user()?.request(message);
        if let Some(Idempotency { key, body }) = &self.0.idempotency {
            let operation = format!("GRAPHQL {}", ctx.path_node.map(|node| node.to_string()).unwrap_or_default());
            let key = idempotency::key(key, &operation, body)
                .map_err(|problem| Problem::new(Code::InvalidRequest, problem.detail()))?;
            key.attach(&mut request);
        }
        Ok(request)
    }
}
