//! `/me`: one's own account.

use axum::extract::State;
use trellis_proto::identity::v1::{ChangePasswordRequest, GetMeRequest, UpdateMeRequest};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::SignedIn,
    body::Input,
    client_address::Client,
    json,
};

/// My account
#[utoipa::path(get, path = "/api/v1/me", tag = "me", operation_id = "getMe",
    responses((status = 200, body = json::User)))]
pub async fn show(State(gateway): State<App>, SignedIn(user): SignedIn) -> Outcome<json::User> {
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.identity, &user, GetMeRequest {}, |mut identity, request| async move {
            identity.get_me(request).await
        })
        .await?;
    Ok(Answer::ok(answer.into_inner().user.unwrap_or_default().into()))
}

crate::body! {
    /// Only what is sent is changed.
    pub struct MeChanges {
        #[schema(nullable = false, min_length = 1, max_length = 100)]
        name: Option<String>,
    }
}

/// Change my account
#[utoipa::path(patch, path = "/api/v1/me", tag = "me", operation_id = "updateMe",
    request_body = MeChanges, responses((status = 200, body = json::User)))]
pub async fn update(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Input { value, sent }: Input<MeChanges>,
) -> Outcome<json::User> {
    let message = UpdateMeRequest { name: value.name };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.identity.clone().update_me(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let me = json::User::from(answer.into_inner().user.unwrap_or_default());
    gateway.people.remember(me.person());
    Ok(Answer::ok(me))
}

crate::body! {
    pub struct PasswordChange {
        #[schema(format = Password)]
        current_password: String,
        #[schema(format = Password, min_length = 8, max_length = 128)]
        new_password: String,
    }
}

/// Change my password
///
/// Ends all other sessions.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "me", operation_id = "changePassword",
    request_body = PasswordChange, responses((status = 204)))]
pub async fn change_password(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Client(client): Client,
    Input { value, sent }: Input<PasswordChange>,
) -> Outcome<Nothing> {
    let PasswordChange { current_password, new_password } = value;
    let request = sent.request(&user, ChangePasswordRequest { current_password, new_password })?;
    let attempt = gateway.limits.change_password(&client, user.id)?;
    let answer = gateway.clients.identity.clone().change_password(request).await;
    attempt.settle(&answer);
    let answer = answer.map_err(|status| sent.refused(status))?;
    Ok(Answer::no_content().replayed(trellis_rpc::was_replayed(&answer)))
}
