//! `/me/sessions`: where one is logged in, and ending that.

use axum::extract::State;
use trellis_proto::identity::v1::{
    ListSessionsRequest, ListSessionsResponse, Page, RevokeOtherSessionsRequest, RevokeSessionRequest,
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::SignedIn,
    json,
    params::{IdPath, Params},
    query::{PageParams, Query},
};

/// Where I am logged in
///
/// The last used first.
#[utoipa::path(get, path = "/api/v1/me/sessions", tag = "me", operation_id = "listMySessions",
    params(PageParams), responses((status = 200, body = json::Page<json::Session>)))]
pub async fn list(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    mut query: Query,
) -> Outcome<json::Page<json::Session>> {
    let (limit, cursor) = query.page()?;
    let message = ListSessionsRequest { page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.identity, &user, message, |mut identity, request| async move {
            identity.list_sessions(request).await
        })
        .await?;
    let ListSessionsResponse { sessions, next_cursor } = answer.into_inner();
    let items = sessions.into_iter().map(json::Session::from).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
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
