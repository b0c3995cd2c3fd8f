//! The token mutations of the original. They have no payload of the usual kind: what goes wrong is an error of the
//! response.

use async_graphql::{Context, Object, SimpleObject};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost_types::Timestamp;
use serde_json::json;
use trellis_authn::{AccessClaims, TokenError, User};
use trellis_proto::identity::v1::{GetSessionRequest, RenewTokenRequest, Tokens};
use trellis_rpc::{Code, Problem};

use super::{me::own, sessions::login_for_long};
use crate::graphql::{Refusal, Viewer, scalars::GenericScalar};

/// A token by e-mail and password.
#[derive(SimpleObject)]
#[graphql(name = "ObtainJSONWebToken")]
pub struct ObtainJsonWebToken {
    /// An access token that lasts.
    token: String,
    /// `email`, `exp` and `origIat`: whose it is, when it expires, when the session began (Unix seconds).
    payload: GenericScalar,
    /// When the session ends, however often its token is refreshed (Unix seconds).
    refresh_expires_in: i64,
}

/// A fresh token of a session.
#[derive(SimpleObject)]
#[graphql(name = "Refresh")]
pub struct RefreshedToken {
    /// An access token that lasts.
    token: String,
    /// `email`, `exp` and `origIat`: whose it is, when it expires, when the session began (Unix seconds).
    payload: GenericScalar,
    /// When the session ends, however often its token is refreshed (Unix seconds).
    refresh_expires_in: i64,
}

/// What a token says.
#[derive(SimpleObject)]
pub struct Verify {
    /// `email`, `exp` and `origIat`: whose it is, when it expires, when the session began (Unix seconds).
    payload: GenericScalar,
}

/// Null beside its error. (Of a plain `Result` the error would take the other fields of the response with it.)
type Root<T> = Option<Result<T, Refusal>>;

#[derive(Default)]
pub struct TokenMutations;

#[Object]
impl TokenMutations {
    /// Logs in with a token that lasts. A refusal is an error of the response.
    async fn token_auth(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In any case.")] email: String,
        #[graphql(desc = "The password.", secret)] password: String,
    ) -> Root<ObtainJsonWebToken> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let tokens = login_for_long(viewer, email, password).await.map_err(wrong_credentials)?;
            let Issued { token, payload, refresh_expires_in } = Issued::of(viewer, tokens)?;
            Ok(ObtainJsonWebToken { token, payload, refresh_expires_in })
        };
        Some(outcome.await)
    }

    /// Gives a fresh token of the same session. A refusal is an error of the response.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where not given, the request's own.", secret)] token: Option<String>,
    ) -> Root<RefreshedToken> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = holder(viewer, token)?.request(RenewTokenRequest {});
            let answer = viewer.clients().identity.clone().renew_token(request).await;
            let answer = answer.map_err(bad_token)?.into_inner();
            let Issued { token, payload, refresh_expires_in } = Issued::of(viewer, answer.tokens.unwrap_or_default())?;
            Ok(RefreshedToken { token, payload, refresh_expires_in })
        };
        Some(outcome.await)
    }

    /// Tells what a token says, if it is good. A refusal is an error of the response.
    async fn verify_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where not given, the request's own.", secret)] token: Option<String>,
    ) -> Root<Verify> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let user = holder(viewer, token)?;
            let clients = viewer.clients();
            let answer = clients
                .read(&clients.identity, &user, GetSessionRequest {}, |mut identity, request| async move {
                    identity.get_session(request).await
                })
                .await;
            let answer = answer.map_err(bad_token)?.into_inner();
            let email = own(viewer, answer.user).person.email;
            Ok(Verify { payload: payload(&email, user.expires_at, answer.session_created_at.as_ref()) })
        };
        Some(outcome.await)
    }
}

/// What is told of a token that was just made.
struct Issued {
    token: String,
    payload: GenericScalar,
    refresh_expires_in: i64,
}

impl Issued {
    fn of(viewer: &Viewer, tokens: Tokens) -> Result<Self, Refusal> {
        let email = own(viewer, tokens.user).person.email;
        let expires_at = expires_at(&tokens.access_token).ok_or_else(|| {
            tracing::error!("a service gave a token that is none");
            Refusal(Problem::internal())
        })?;
        Ok(Self {
            payload: payload(&email, expires_at, tokens.session_created_at.as_ref()),
            refresh_expires_in: seconds(tokens.session_ends_at.as_ref()),
            token: tokens.access_token,
        })
    }
}

fn payload(email: &str, expires_at: i64, began_at: Option<&Timestamp>) -> GenericScalar {
    GenericScalar(json!({ "email": email, "exp": expires_at, "origIat": seconds(began_at) }))
}

fn seconds(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |time| time.seconds)
}

/// By a token's own word, which is believed of one that the service has just made.
fn expires_at(token: &str) -> Option<i64> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<AccessClaims>(&claims).ok()?.exp)
}

/// Whose token is meant: the one that is given, else the request's own.
fn holder(viewer: &Viewer, token: Option<String>) -> Result<User, Refusal> {
    let verified = match token {
        Some(token) => Some(viewer.gateway().sessions.verify(&token)),
        None => viewer.presented().map(Result::<&User, _>::cloned),
    };
    verified.ok_or_else(|| Refusal::new(Code::Unauthenticated, "Token is required"))?.map_err(|error| match error {
        TokenError::Expired => Refusal::new(Code::TokenExpired, "Signature has expired"),
        TokenError::Invalid | TokenError::Revoked => not_a_token(),
        TokenError::Unknown => Refusal::token(error),
    })
}

fn not_a_token() -> Refusal {
    Refusal::new(Code::Unauthenticated, "Error decoding signature")
}

/// The session has ended, which the gateway did not know yet.
fn bad_token(status: tonic::Status) -> Refusal {
    let refusal = Refusal::from(status);
    if refusal.code() == Code::Unauthenticated { not_a_token() } else { refusal }
}

/// What can be nobody's e-mail address or password is a wrong one.
fn wrong_credentials(refusal: Refusal) -> Refusal {
    match refusal.code() {
        Code::InvalidCredentials | Code::ValidationFailed => {
            Refusal::new(Code::InvalidCredentials, "Please enter valid credentials")
        }
        _ => refusal,
    }
}
