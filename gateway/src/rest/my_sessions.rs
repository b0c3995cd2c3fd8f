//! `/me/sessions`: where one is logged in, and ending that.

use axum::extract::State;
use trellis_proto::identity::v1::{ListSessionsRequest, RevokeOtherSessionsRequest, RevokeSessionRequest};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::SignedIn,
    json,
    params::{IdPath, Params},
};

/// Where I am logged in
///
/// The last used first, all in one page.
#[utoipa::path(get, path = "/api/v1/me/sessions", tag = "me", operation_id = "listMySessions",
    responses((status = 200, body = json::Page<json::Session>)))]
pub async fn list(State(gateway): State<App>, SignedIn(user): SignedIn) -> Outcome<json::Page<json::Session>> {
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.identity, &user, ListSessionsRequest {}, |mut identity, request| async move {
            identity.list_sessions(request).await
        })
        .await?;
    let items = answer.into_inner().sessions.into_iter().map(json::Session::from).collect();
    Ok(Answer::ok(json::Page::new(items, String::new())))
}

/// End one of my sessions
///
/// Everywhere within a second; also the one of this token, which is logging out.
#[utoipa::path(delete, path = "/api/v1/me/sessions/{id}", tag = "me", operation_id = "revokeMySession",
    responses((status = 204)))]
pub async fn revoke(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Params(IdPath { id }): Params<IdPath>,
) -> Outcome<Nothing> {
    gateway.clients.identity.clone().revoke_session(user.request(RevokeSessionRequest { id })).await?;
    Ok(Answer::no_content())
}

/// End all my other sessions
///
/// Everywhere within a second; the one of this token goes on.
#[utoipa::path(delete, path = "/api/v1/me/sessions", tag = "me", operation_id = "revokeMyOtherSessions",
    responses((status = 204)))]
pub async fn revoke_others(State(gateway): State<App>, SignedIn(user): SignedIn) -> Outcome<Nothing> {
    gateway.clients.identity.clone().revoke_other_sessions(user.request(RevokeOtherSessionsRequest {})).await?;
    Ok(Answer::no_content())
}
