//! `/organizations`: the directory, one's own, and one organization.

use axum::extract::State;
use trellis_proto::org::v1::{
    CreateOrganizationRequest, DeleteOrganizationRequest, GetOrganizationRequest, ListOrganizationsRequest,
    ListOrganizationsResponse, Organization, Page, UpdateOrganizationRequest,
};

use crate::{
    answer::{Answer, Nothing, Outcome},
    app::{App, Gateway},
    auth::{Anyone, Member, SignedIn},
    body::Input,
    client_address::Client,
    clients::Asker,
    conditional::IfMatch,
    json,
    problem::Problem,
    query::{PageParams, Query},
};

/// The directory
///
/// Open organizations, and all of one's own. Works signed out, too.
#[utoipa::path(get, path = "/api/v1/organizations", tag = "organizations", operation_id = "listOrganizations",
    params(PageParams), responses((status = 200, body = json::Page<json::Organization>)),
    security((), ("bearer" = [])))]
pub async fn list(
    State(gateway): State<App>,
    Anyone(user): Anyone,
    query: Query,
) -> Outcome<json::Page<json::Organization>> {
    match user {
        Some(user) => listed(&gateway, &user, query, false).await,
        None => listed(&gateway, &gateway.service_key, query, false).await,
    }
}

/// My organizations
#[utoipa::path(get, path = "/api/v1/me/organizations", tag = "me", operation_id = "listMyOrganizations",
    params(PageParams), responses((status = 200, body = json::Page<json::Organization>)))]
pub async fn mine(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    query: Query,
) -> Outcome<json::Page<json::Organization>> {
    listed(&gateway, &user, query, true).await
}

async fn listed(
    gateway: &Gateway,
    asker: &impl Asker,
    mut query: Query,
    mine: bool,
) -> Outcome<json::Page<json::Organization>> {
    let (limit, cursor) = query.page()?;
    let message = ListOrganizationsRequest { mine, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.org, asker, message, |mut org, request| async move { org.list_organizations(request).await })
        .await?;
    let ListOrganizationsResponse { organizations, next_cursor, .. } = answer.into_inner();
    let items = organizations.into_iter().map(Into::into).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
}

crate::body! {
    /// A new organization. Name, slug and contact e-mail are unique.
    pub struct NewOrganization {
        #[schema(min_length = 1, max_length = 100)]
        name: String,
        #[schema(max_length = 50, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
        slug: String,
        #[schema(format = Email, max_length = 254)]
        contact_email: String,
    }
}

/// Create an organization
///
/// Its creator becomes its ADMIN; joining takes an invitation.
#[utoipa::path(post, path = "/api/v1/organizations", tag = "organizations", operation_id = "createOrganization",
    request_body = NewOrganization, responses((status = 201, body = json::Organization)))]
pub async fn create(
    State(gateway): State<App>,
    SignedIn(user): SignedIn,
    Client(client): Client,
    Input { value, sent }: Input<NewOrganization>,
) -> Outcome<json::Organization> {
    let NewOrganization { name, slug, contact_email } = value;
    let request = sent.request(&user, CreateOrganizationRequest { name, slug, contact_email })?;
    let creation = gateway.limits.create_organization(&client, Some(user.id))?;
    let answer = gateway.clients.org.clone().create_organization(request).await;
    creation.settle(&answer);
    let answer = answer.map_err(|status| sent.refused(status))?;
    let replayed = trellis_rpc::was_replayed(&answer);
    let organization = answer.into_inner().organization.unwrap_or_default();
    let location = format!("/api/v1/organizations/{}", organization.slug);
    let version = organization.version;
    Ok(Answer::created(&location, organization.into()).version(version).replayed(replayed))
}

/// One organization
#[utoipa::path(get, path = "/api/v1/organizations/{org}", tag = "organizations", operation_id = "getOrganization",
    responses((status = 200, body = json::Organization)))]
pub async fn show(State(gateway): State<App>, member: Member) -> Outcome<json::Organization> {
    let organization = get(&gateway, &member).await?;
    let version = organization.version;
    Ok(Answer::ok(organization.into()).version(version))
}

async fn get(gateway: &Gateway, Member { user, org }: &Member) -> Result<Organization, Problem> {
    let message = GetOrganizationRequest { org: org.clone() };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.org, user, message, |mut org, request| async move { org.get_organization(request).await })
        .await?;
    Ok(answer.into_inner().organization.unwrap_or_default())
}

crate::body! {
    /// Only what is sent is changed.
    pub struct OrganizationChanges {
        #[schema(nullable = false, min_length = 1, max_length = 100)]
        name: Option<String>,
        #[schema(nullable = false, max_length = 50, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
        slug: Option<String>,
        #[schema(nullable = false, format = Email, max_length = 254)]
        contact_email: Option<String>,
        #[schema(nullable = false, value_type = Option<json::JoinPolicy>)]
        join_policy: Option<String>,
    }
}

/// Change an organization
///
/// For its ADMINs.
#[utoipa::path(patch, path = "/api/v1/organizations/{org}", tag = "organizations", operation_id = "updateOrganization",
    request_body = OrganizationChanges, responses((status = 200, body = json::Organization)))]
pub async fn update(
    State(gateway): State<App>,
    member: Member,
    if_match: IfMatch,
    Input { value, sent }: Input<OrganizationChanges>,
) -> Outcome<json::Organization> {
    let expected_version = if_match.expected(version(&gateway, &member)).await?;
    let OrganizationChanges { name, slug, contact_email, join_policy } = value;
    let org = member.org;
    let message = UpdateOrganizationRequest { org, name, slug, contact_email, join_policy, expected_version };
    let request = sent.request(&member.user, message)?;
    let answer = gateway.clients.org.clone().update_organization(request).await;
    let answer = answer.map_err(|status| sent.refused(status))?;
    let organization = answer.into_inner().organization.unwrap_or_default();
    let version = organization.version;
    Ok(Answer::ok(organization.into()).version(version))
}

/// Delete an organization
///
/// For its ADMINs. Everything in it goes with it.
#[utoipa::path(delete, path = "/api/v1/organizations/{org}", tag = "organizations", operation_id = "deleteOrganization",
    responses((status = 204)))]
pub async fn delete(State(gateway): State<App>, member: Member, if_match: IfMatch) -> Outcome<Nothing> {
    let expected_version = if_match.expected(version(&gateway, &member)).await?;
    let message = DeleteOrganizationRequest { org: member.org, expected_version };
    gateway.clients.org.clone().delete_organization(member.user.request(message)).await?;
    Ok(Answer::no_content())
}

async fn version(gateway: &Gateway, member: &Member) -> Result<u64, Problem> {
    Ok(get(gateway, member).await?.version)
}
