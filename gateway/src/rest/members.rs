//! `/organizations/{org}/members`

use axum::extract::State;
use trellis_proto::org::v1::{ListMembersRequest, ListMembersResponse, Page, RemoveMemberRequest, UpdateMemberRequest};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::App,
    auth::Member,
    body::Input,
    json,
    params::{Params, UserPath},
    query::{PageParams, Query},
};

/// Members of an organization
#[utoipa::path(get, path = "/api/v1/organizations/{org}/members", tag = "members", operation_id = "listMembers",
    params(PageParams), responses((status = 200, body = json::Page<json::Member>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    mut query: Query,
) -> Outcome<json::Page<json::Member>> {
    let (limit, cursor) = query.page()?;
    let message = ListMembersRequest { org, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.org, &user, message, |mut org, request| async move { org.list_members(request).await })
        .await?;
    let ListMembersResponse { members, next_cursor, .. } = answer.into_inner();
    let people = gateway.people.find(members.iter().map(|member| &*member.user_id)).await;
    let items = members.iter().map(|member| json::Member::new(member, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
}

crate::body! {
    /// Only what is sent is changed.
    pub struct MemberChanges {
        #[schema(nullable = false, value_type = Option<json::Role>)]
        role: Option<String>,
    }
}

/// Change a member's role
///
/// For ADMINs. The last ADMIN cannot be demoted: 409 `last_admin`.
#[utoipa::path(patch, path = "/api/v1/organizations/{org}/members/{user_id}", tag = "members",
    operation_id = "updateMember", request_body = MemberChanges, responses((status = 200, body = json::Member)))]
pub async fn update(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(UserPath { user_id }): Params<UserPath>,
    Input { value, sent }: Input<MemberChanges>,
) -> Outcome<json::Member> {
    let message = UpdateMemberRequest { org, user_id, role: value.role };
    let request = sent.request(&user, message)?;
    let answer = gateway.clients.org.clone().update_member(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let member = answer.into_inner().member.unwrap_or_default();
    let people = gateway.people.find([&*member.user_id]).await;
    Ok(Answer::ok(json::Member::new(&member, &people)))
}

/// Remove a member, or leave
///
/// For ADMINs, and for everyone as to themselves. The last ADMIN must stay: 409 `last_admin`.
#[utoipa::path(delete, path = "/api/v1/organizations/{org}/members/{user_id}", tag = "members",
    operation_id = "removeMember", responses((status = 204)))]
pub async fn remove(
    State(gateway): State<App>,
    Member { user, org }: Member,
    Params(UserPath { user_id }): Params<UserPath>,
) -> Outcome<Nothing> {
    let message = RemoveMemberRequest { org, user_id };
    gateway.clients.org.clone().remove_member(user.request(message)).await?;
    Ok(Answer::no_content())
}
