//! `/auth`: how a session begins, goes on and ends. A token that is shown to the first three is never looked at.

use axum::extract::State;
use trellis_proto::identity::v1::{LoginRequest, LogoutRequest, RefreshRequest, RegisterRequest, Tokens};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::{App, Gateway},
    auth::SignedIn,
    body::{Clearable, Input},
    client_address::Client,
    json,
};

crate::body! {
    /// A new user.
    pub struct Registration {
        /// Unique; the login name.
        #[schema(format = Email, max_length = 254)]
        email: String,
        #[schema(format = Password, min_length = 8, max_length = 128)]
        password: String,
        #[schema(min_length = 1, max_length = 100)]
        name: String,
        /// An organization to join.
        #[schema(value_type = Option<String>)]
        organization_slug: Clearable,
        /// Needed for an organization that is not open.
        #[schema(value_type = Option<String>)]
        invitation_token: Clearable,
    }
}

/// Register
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth", operation_id = "register",
    request_body = Registration, responses((status = 201, body = json::Tokens)), security(()))]
pub async fn register(
    State(gateway): State<App>,
    Client(client): Client,
    Input { value, sent }: Input<Registration>,
) -> Outcome<json::Tokens> {
    let creation = gateway.limits.register(&client)?;
    let Registration { email, password, name, organization_slug, invitation_token } = value;
    let message = RegisterRequest {
        email,
        password,
        name,
        organization_slug: organization_slug.value(),
        invitation_token: invitation_token.value(),
        client: Some(client),
        long_lived: false,
    };
    let mut identity = gateway.clients.identity.clone();
    let answer = identity.register(gateway.service_key.request(message)).await;
    creation.settle(&answer);
    let tokens = answer.map_err(|status| sent.refused(status))?.into_inner().tokens;
    Ok(Answer::created("/api/v1/me", opened(&gateway, tokens)))
}

crate::body! {
    pub struct Credentials {
        email: String,
        #[schema(format = Password)]
        password: String,
    }
}

/// Log in
///
/// A wrong e-mail address and a wrong password are one answer: 401 `invalid_credentials`.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", operation_id = "login",
    request_body = Credentials, responses((status = 200, body = json::Tokens)), security(()))]
pub async fn login(
    State(gateway): State<App>,
    Client(client): Client,
    Input { value, sent }: Input<Credentials>,
) -> Outcome<json::Tokens> {
    let Credentials { email, password } = value;
    let attempt = gateway.limits.login(&client, &email)?;
    let message = LoginRequest { email, password, client: Some(client), long_lived: false };
    let mut identity = gateway.clients.identity.clone();
    let answer = identity.login(gateway.service_key.request(message)).await;
    attempt.settle(&answer);
    let tokens = answer.map_err(|status| sent.refused(status))?.into_inner().tokens;
    Ok(Answer::ok(opened(&gateway, tokens)))
}

crate::body! {
    pub struct Refresh {
        refresh_token: String,
    }
}

/// Get new tokens
///
/// The refresh token is spent by it; the answer holds the next one.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", operation_id = "refresh",
    request_body = Refresh, responses((status = 200, body = json::Tokens)), security(()))]
pub async fn refresh(
    State(gateway): State<App>,
    Client(client): Client,
    Input { value, sent }: Input<Refresh>,
) -> Outcome<json::Tokens> {
    let message = RefreshRequest { refresh_token: value.refresh_token, client: Some(client) };
    let mut identity = gateway.clients.identity.clone();
    let answer = identity.refresh(gateway.service_key.request(message)).await;
    let tokens = answer.map_err(|status| sent.refused(status))?.into_inner().tokens;
    Ok(Answer::ok(opened(&gateway, tokens)))
}

/// Log out
///
/// Ends the session of the access token, everywhere within a second.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", operation_id = "logout",
    responses((status = 204)))]
pub async fn logout(State(gateway): State<App>, SignedIn(user): SignedIn) -> Outcome<Nothing> {
    gateway.clients.identity.clone().logout(user.request(LogoutRequest {})).await?;
    Ok(Answer::no_content())
}

/// The user's name is fresh from the source.
fn opened(gateway: &Gateway, tokens: Option<Tokens>) -> json::Tokens {
    let tokens = json::Tokens::from(tokens.unwrap_or_default());
    gateway.people.remember(tokens.user.person());
    tokens
}
