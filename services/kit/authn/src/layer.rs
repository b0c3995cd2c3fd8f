//! The tonic layer in front of every service: verifies `authorization`, puts the [`Caller`](crate::Caller) into the
//! request's extensions, refuses everything else (health and reflection apart, which it is not put in front of).

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Extensions, HeaderMap, header::AUTHORIZATION};
use tonic::{Status, body::Body, server::NamedService};
use tower::{Layer, Service};
use trellis_rpc::{Code, Problem, speaks_for};

use crate::{Caller, ClientAddress, PeerKeys, Sessions, caller::take_address, jwt};

/// Made once per server, from what tokens are verified against.
#[derive(Clone)]
pub struct AuthnLayer {
    sessions: Arc<Sessions>,
    peers: PeerKeys,
}

impl AuthnLayer {
    pub fn new(sessions: Arc<Sessions>, peers: PeerKeys) -> Self {
        Self { sessions, peers }
    }

    /// Puts a generated server behind this layer: `Routes::new(authn.layer(OrgServiceServer::new(…)))`.
    pub fn layer<S: NamedService>(&self, service: S) -> Authenticated<S> {
        Authenticated { authn: self.clone(), audience: package(S::NAME), service }
    }

    fn caller(&self, headers: &HeaderMap, extensions: &Extensions, audience: &'static str) -> Result<Caller, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next(), values.next()) else {
            return Err(Problem::new(Code::Unauthenticated, "There is more than one authorization header."));
        };
        let (scheme, token) = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "Sign-in is required."))?;
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("jwt") {
            Ok(Caller::User(self.sessions.verify(token)?))
        } else if scheme.eq_ignore_ascii_case("service") {
            let service = self.peers.verify(token, audience, jwt::now())?;
            // Whoever got hold of a token still is not the process that made it.
            if !speaks_for(extensions, service.as_str()) {
                return Err(Problem::new(Code::Unauthenticated, "The connection is another process's."));
            }
            Ok(Caller::Service(service))
        } else {
            Err(Problem::new(Code::Unauthenticated, "Sign-in is required."))
        }
    }
}

impl<S: NamedService> Layer<S> for AuthnLayer {
    type Service = Authenticated<S>;

    fn layer(&self, service: S) -> Authenticated<S> {
        Self::layer(self, service)
    }
}

/// `trellis.org.v1` of `trellis.org.v1.OrgService`, as its messages name it.
fn package(service: &'static str) -> &'static str {
    service.rsplit_once('.').map_or(service, |(package, _)| package)
}

/// A service that only verified callers reach.
#[derive(Clone)]
pub struct Authenticated<S> {
    authn: AuthnLayer,
    /// Of service tokens that are for this service.
    audience: &'static str,
    service: S,
}

impl<S: NamedService> NamedService for Authenticated<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Authenticated<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        match self.authn.caller(request.headers(), request.extensions(), self.audience) {
            Ok(mut caller) => {
                let address = take_address(request.headers_mut());
                match &mut caller {
                    Caller::User(user) => user.address = address,
                    Caller::Service(_) => {
                        request.extensions_mut().insert(ClientAddress(address));
                    }
                }
                // The caller has it to hand on; here it could only be logged or believed a second time.
                request.headers_mut().remove(AUTHORIZATION);
                request.extensions_mut().insert(caller);
                Either::Left(self.service.call(request))
            }
            Err(problem) => Either::Right(ready(Ok(Status::from(problem).into_http()))),
        }
    }
}
