//! Who calls: the access token of a request, and the two gates that whole branches of the router stand behind.
//!
//! `signed_in` asks for a token; `organization` asks for a membership too, before anything else of the request is
//! looked at, and answers everyone else with one and the same 404. Handlers get what a gate found by the types
//! [`SignedIn`] and [`Member`], which exist nowhere but behind it.

use axum::{
    extract::{FromRequestParts, OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, header, request::Parts};
use trellis_authn::{AccessError, TokenError, User};
use trellis_rpc::Code;

use crate::{
    app::{App, Gateway},
    client_address,
    params::decoded,
    problem::Problem,
    router::ORGANIZATIONS,
};

/// A signed-in user.
#[derive(Clone)]
pub struct SignedIn(pub User);

/// A signed-in user, or nobody; a token that is shown must still be good.
pub struct Anyone(pub Option<User>);

/// A member of the organization in the path.
#[derive(Clone)]
pub struct Member {
    pub user: User,
    /// The organization's slug.
    pub org: String,
}

/// The token in `Authorization: Bearer …` (or `JWT …`, in any case); `None` where there is no such header or it is
/// empty, which some clients send when nobody is signed in.
pub fn presented(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| invalid())?.trim();
    if values.next().is_some() {
        return Err(invalid());
    }
    if value.is_empty() {
        return Ok(None);
    }
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("jwt") => {
            Ok(Some(token.trim()))
        }
        _ => Err(invalid()),
    }
}

/// Verifies a token; also for sockets, which bring it by other ways.
pub fn verify(gateway: &Gateway, token: &str) -> Result<User, Problem> {
    gateway.sessions.verify(token).map_err(|error| match error {
        TokenError::Invalid => invalid(),
        TokenError::Expired => Problem::bad_token(Code::TokenExpired, "The access token has expired."),
        TokenError::Revoked => Problem::bad_token(Code::Unauthenticated, "The session of this access token has ended."),
        TokenError::Unknown => {
            Problem::of(Code::Unavailable, "Tokens cannot be verified at the moment; try again soon.")
        }
    })
}

fn invalid() -> Problem {
    Problem::bad_token(Code::Unauthenticated, "The access token is not valid.")
}

fn authenticate(gateway: &Gateway, extensions: &Extensions, headers: &HeaderMap) -> Result<Option<User>, Problem> {
    let user = presented(headers)?.map(|token| verify(gateway, token)).transpose()?;
    Ok(user.map(|user| user.at(client_address::of_request(gateway, extensions, headers))))
}

/// The gate in front of everything that needs a user.
pub async fn signed_in(State(gateway): State<App>, mut request: Request, next: Next) -> Response {
    match authenticate(&gateway, request.extensions(), request.headers()) {
        Ok(Some(user)) => {
            request.extensions_mut().insert(SignedIn(user));
            next.run(request).await
        }
        Ok(None) => Problem::signed_out().into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The gate in front of everything below an organization.
pub async fn organization(State(gateway): State<App>, mut request: Request, next: Next) -> Response {
    let user = match authenticate(&gateway, request.extensions(), request.headers()) {
        Ok(Some(user)) => user,
        Ok(None) => return Problem::signed_out().into_response(),
        Err(problem) => return problem.into_response(),
    };
    match member(&gateway, user, slug(&request)).await {
        Ok(member) => {
            request.extensions_mut().insert(member);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Read from the whole path, not from the router's parameters: one of those that is badly encoded spoils them all, and
/// a stranger must not learn even that. `None` can be no organization's.
fn slug(request: &Request) -> Option<String> {
    let path = request.extensions().get::<OriginalUri>().map_or(request.uri().path(), |uri| uri.path());
    let below = path.strip_prefix(ORGANIZATIONS)?.strip_prefix('/')?;
    decoded(below.split_once('/').map_or(below, |(slug, _)| slug))
}

async fn member(gateway: &Gateway, user: User, org: Option<String>) -> Result<Member, Problem> {
    let org = org.ok_or_else(|| Problem::not_found("organization"))?;
    match gateway.memberships.check(&user, &org).await {
        Ok(_) => Ok(Member { user, org }),
        Err(AccessError::NotFound) => Err(Problem::not_found("organization")),
        Err(error @ AccessError::Unavailable) => Err(trellis_rpc::Problem::from(error).into()),
    }
}

impl<S: Sync> FromRequestParts<S> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| ungated("Member"))
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &App) -> Result<Self, Problem> {
        match parts.extensions.get() {
            Some(SignedIn(user)) => Ok(Self(user.clone())),
            None => authenticate(gateway, &parts.extensions, &parts.headers)?.map(Self).ok_or_else(Problem::signed_out),
        }
    }
}

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &App) -> Result<Self, Problem> {
        authenticate(gateway, &parts.extensions, &parts.headers).map(Self)
    }
}

/// A route that is not behind its gate is our mistake, and must not let anyone through.
fn ungated(what: &'static str) -> Problem {
    tracing::error!(what, "a route stands outside of its gate");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn token(value: &str) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        presented(&headers).map(|token| token.map(str::to_owned)).map_err(|problem| problem.code())
    }

    #[test]
    fn schemes() {
        for good in ["Bearer abc", "bearer abc", "BEARER  abc", "JWT abc", "jwt abc "] {
            assert_eq!(token(good), Ok(Some("abc".into())), "{good}");
        }
        assert_eq!(token(""), Ok(None));
        assert_eq!(token("  "), Ok(None));
        for bad in ["Basic abc", "abc", "Bearer"] {
            assert_eq!(token(bad), Err("unauthenticated"), "{bad}");
        }
        assert!(presented(&HeaderMap::new()).unwrap().is_none());
    }
}
