//! `/organizations/{org}/audit`

use axum::extract::State;
use trellis_proto::org::v1::{ListAuditRequest, ListAuditResponse, Page};

use crate::{
    answer::{Answer, Outcome},
    app::App,
    auth::Member,
    json,
    query::{PageParams, Query},
};

/// Audit log of an organization
///
/// For its ADMINs: who did what to members, roles, invitations and settings; newest first.
#[utoipa::path(get, path = "/api/v1/organizations/{org}/audit", tag = "organizations",
    operation_id = "listAudit", params(PageParams), responses((status = 200, body = json::Page<json::AuditEntry>)))]
pub async fn list(
    State(gateway): State<App>,
    Member { user, org }: Member,
    mut query: Query,
) -> Outcome<json::Page<json::AuditEntry>> {
    let (limit, cursor) = query.page()?;
    let message = ListAuditRequest { org, page: Some(Page { limit, cursor, ..Page::default() }) };
    let clients = &gateway.clients;
    let answer = clients
        .read(&clients.org, &user, message, |mut org, request| async move { org.list_audit(request).await })
        .await?;
    let ListAuditResponse { entries, next_cursor, .. } = answer.into_inner();
    let people = gateway.people.find(entries.iter().flat_map(|entry| [&*entry.actor_id, &*entry.user_id])).await;
    let items = entries.into_iter().map(|entry| json::AuditEntry::new(entry, &people)).collect();
    Ok(Answer::ok(json::Page::new(items, next_cursor)))
}
