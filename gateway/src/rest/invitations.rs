//! `/organizations/{org}/invitations`, and accepting one.

use axum::extract::State;
use trellis_proto::org::v1::{
    AcceptInvitationRequest, CreateInvitationRequest, ListInvitationsRequest, ListInvitationsResponse, Page,
    RevokeInvitationRequest,
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::{Member, SignedIn},
    body::Input,
    json,
    params::{IdPath, Params},
    query::{PageParams, Query},
};

/// Open invitations of an organization
///
/// For its ADMINs.
#[utoipa::path(get, path = "/api/v1/organizations/{org}/invitations", tag = "invitations",
    operation_id = "listInvitations", params(PageParams),
    responses((status = 200, body = json::Page<json::Invitation>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    mut query: Query,
) -> Outcome<json::Page<json::Invitation>> {
    let (limit, cursor) = query.page()?;
    let message = ListInvitationsRequest { org, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.org, &user, message, |mut org, request| async move { org.list_invitations(request).await })
        .await?;
    let ListInvitationsResponse { invitations, next_cursor, .. } = answer.into_inner();
    let people = gateway.people.find(invitations.iter().map(|invitation| &*invitation.invited_by_id)).await;
    let items = invitations.into_iter().map(|invitation| json::Invitation::new(invitation, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
}

crate::body! {
    pub struct NewInvitation {
        #[schema(format = Email, max_length = 254)]
        email: String,
        /// MEMBER where not given.
        #[schema(nullable = false, value_type = Option<json::Role>)]
        role: Option<String>,
    }
}

/// Invite an e-mail address
///
/// For ADMINs. The token is shown this once; it fits that address alone, once, for 7 days.
#[utoipa::path(post, path = "/api/v1/organizations/{org}/invitations", tag = "invitations",
    operation_id = "createInvitation", request_body = NewInvitation,
    responses((status = 201, body = json::Invitation)))]
pub async fn create(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Input { value, sent }: Input<NewInvitation>,
) -> Outcome<json::Invitation> {
    let location = format!("/api/v1/organizations/{org}/invitations");
    let NewInvitation { email, role } = value;
    let message = CreateInvitationRequest { org, email, role };
    let request = sent.request(&user, message)?;
    let creation = gateway.limits.invite(user.id)?;
    let answer = gateway.clients.org.clone().create_invitation(request).await;
    creation.settle(&answer);
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let invitation = answer.into_inner().invitation.unwrap_or_default();
    let people = gateway.people.find([&*invitation.invited_by_id]).await;
    let location = format!("{location}/{}", invitation.id);
    Ok(Answer::created(&location, json::Invitation::new(invitation, &people)).replayed(replayed))
}

/// Revoke an invitation
///
/// For ADMINs.
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/invitations/{id}", tag = "invitations",
    operation_id = "revokeInvitation", responses((status = 204)))]
pub async fn revoke(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(IdPath { id }): Params<IdPath>,
) -> Outcome<Nothing> {
    let message = RevokeInvitationRequest { org, id };
    gateway.clients.org.clone().revoke_invitation(user.request(message)).await?;
    Ok(Answer::no_content())
}

crate::body! {
    pub struct Acceptance {
        token: String,
    }
}

/// Accept an invitation
///
/// One that is wrong, expired, revoked, used or for another address: 404, alike.
#[utoipa::path(post, path = "/api/v1/invitations/accept", tag = "invitations", operation_id = "acceptInvitation",
    request_body = Acceptance, responses((status = 200, body = json::Organization)))]
pub async fn accept(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Input { value, sent }: Input<Acceptance>,
) -> Outcome<json::Organization> {
    let message = AcceptInvitationRequest { token: value.token };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.org.clone().accept_invitation(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let organization = answer.into_inner().organization.unwrap_or_default();
    let version = organization.version;
    Ok(Answer::ok(organization.into()).version(version).replayed(replayed))
}
