//! An organization's audit log.

use serde_json::json;
use trellis_proto::org::v1::{
    AuditChange, AuditEntry, GetOrganizationRequest, GetOrganizationResponse, ListAuditRequest, ListAuditResponse,
    Organization, Role,
};
use trellis_rpc::{Code, Problem};

use crate::{
    gateway::ANN,
    world::{World, ann},
};

const QUERY: &str = r#"{ organization(slug: "acme") { audit(last: 2, before: "c3") {
    nodes { id action actor { id name } user { id } email changes { field from to } ip occurredAt }
    edges { cursor } pageInfo { hasPreviousPage hasNextPage } } } }"#;

async fn acme() -> World {
    let world = World::start().await;
    world.harness.fake.on("OrgService/GetOrganization", |request: GetOrganizationRequest, _| {
        let organization =
            Organization { id: "o1".into(), slug: request.org, role: Role::Admin.into(), ..Organization::default() };
        Ok(GetOrganizationResponse { organization: Some(organization) })
    });
    world
}

#[tokio::test]
async fn admins_read_it_in_pages() {
    let world = acme().await;
    world.harness.fake.on("OrgService/ListAudit", |request: ListAuditRequest, call| {
        let page = request.page.unwrap();
        assert_eq!((request.org.as_str(), page.limit, page.cursor.as_str(), page.backward), ("acme", 2, "c3", true));
        assert_eq!(call.headers.get("trellis-client-address").unwrap(), "192.0.2.7");
        let change = AuditChange { field: "role".into(), from_json: "null".into(), to_json: "\"ADMIN\"".into() };
        let joined = AuditEntry {
            id: "e2".into(),
            action: "member.joined".into(),
            actor_id: ANN.to_string(),
            user_id: ANN.to_string(),
            changes: vec![change],
            ip: "192.0.2.1".into(),
            ..AuditEntry::default()
        };
        let created = AuditEntry { id: "e1".into(), action: "organization.created".into(), ..AuditEntry::default() };
        let cursors = vec!["c2".into(), "c1".into()];
        Ok(ListAuditResponse { entries: vec![joined, created], next_cursor: String::new(), cursors })
    });
    let answer = world.respond(ann(), QUERY, json!({})).await;
    let epoch = "1970-01-01T00:00:00.000Z";
    assert_eq!(
        answer["data"]["organization"]["audit"],
        json!({
            "nodes": [
                {
                    "id": "e2", "action": "member.joined", "actor": {"id": ANN, "name": "Ann"}, "user": {"id": ANN},
                    "email": null, "changes": [{"field": "role", "from": null, "to": "ADMIN"}], "ip": "192.0.2.1",
                    "occurredAt": epoch,
                },
                {
                    "id": "e1", "action": "organization.created", "actor": null, "user": null, "email": null,
                    "changes": [], "ip": null, "occurredAt": epoch,
                },
            ],
            "edges": [{"cursor": "c2"}, {"cursor": "c1"}],
            "pageInfo": {"hasPreviousPage": false, "hasNextPage": true},
        }),
        "{answer}"
    );
}

#[tokio::test]
async fn members_are_refused() {
    let world = acme().await;
    world.harness.fake.on("OrgService/ListAudit", |_: ListAuditRequest, _| -> Result<ListAuditResponse, _> {
        Err(Problem::new(Code::Forbidden, "You do not have permission to perform this action").into())
    });
    let answer = world.respond(ann(), QUERY, json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "You do not have permission to perform this action");
}
