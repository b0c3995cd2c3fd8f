//! The audit log, and from where changes are said to come.

use prost_types::Timestamp;
use serde_json::json;
use trellis_proto::org::v1::{
    AuditChange, AuditEntry, ListAuditRequest, ListAuditResponse, UpdateOrganizationRequest, UpdateOrganizationResponse,
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, EVE, Harness};

const AUDIT: &str = "/api/v1/organizations/acme/audit";

#[tokio::test]
async fn entries_name_people_and_what_changed() {
    let gateway = Harness::start().await;
    gateway.fake.on("OrgService/ListAudit", |request: ListAuditRequest, call| {
        assert_eq!((request.org.as_str(), call.user), ("acme", Some(ANN)));
        let page = request.page.unwrap();
        assert_eq!((page.limit, page.cursor.as_str(), page.backward, page.all), (2, "c1", false, false));
        let change = AuditChange { field: "role".into(), from_json: "\"MEMBER\"".into(), to_json: "\"ADMIN\"".into() };
        let occurred_at = Some(Timestamp { seconds: 1_769_851_800, nanos: 123_000_000 });
        let demoted = AuditEntry {
            id: "e2".into(),
            action: "member.role_changed".into(),
            actor_id: ANN.to_string(),
            user_id: EVE.to_string(),
            email: String::new(),
            changes: vec![change],
            ip: "192.0.2.1".into(),
            occurred_at,
        };
        let invited = AuditEntry {
            id: "e1".into(),
            action: "invitation.revoked".into(),
            email: "eve@example.org".into(),
            occurred_at,
            ..AuditEntry::default()
        };
        Ok(ListAuditResponse { entries: vec![demoted, invited], next_cursor: "c2".into(), cursors: Vec::new() })
    });
    let answer = gateway.get(&format!("{AUDIT}?limit=2&cursor=c1")).await;
    assert_eq!(answer.status, 200);
    let occurred_at = "2026-01-31T09:30:00.123Z";
    assert_eq!(
        answer.json(),
        json!({
            "items": [
                {
                    "id": "e2", "action": "member.role_changed",
                    "actor": {"id": ANN, "name": "Ann", "email": "ann@example.org"},
                    "user": {"id": EVE, "name": "", "email": ""},
                    "email": null, "changes": {"role": {"from": "MEMBER", "to": "ADMIN"}},
                    "ip": "192.0.2.1", "occurred_at": occurred_at,
                },
                {
                    "id": "e1", "action": "invitation.revoked", "actor": null, "user": null,
                    "email": "eve@example.org", "changes": {}, "ip": null, "occurred_at": occurred_at,
                },
            ],
            "next_cursor": "c2",
        })
    );
    gateway.get(&format!("{AUDIT}?action=x")).await.problem(400, "invalid_request");
    gateway.get("/api/v1/organizations/other/audit").await.problem(404, "not_found");
}

#[tokio::test]
async fn who_is_no_admin_is_refused_by_the_service() {
    let gateway = Harness::start().await;
    gateway.fake.on("OrgService/ListAudit", |_: ListAuditRequest, _| -> Result<ListAuditResponse, _> {
        Err(Problem::new(Code::Forbidden, "You do not have permission to perform this action").into())
    });
    gateway.get(AUDIT).await.problem(403, "forbidden");
}

#[tokio::test]
async fn services_are_told_from_where_a_user_asks() {
    let gateway = Harness::start().await;
    gateway.fake.on("OrgService/UpdateOrganization", |_: UpdateOrganizationRequest, call| {
        // The peer's, as the harness sets it.
        assert_eq!(call.headers.get("trellis-client-address").unwrap(), "192.0.2.7");
        Ok(UpdateOrganizationResponse::default())
    });
    let answer = gateway.patch("/api/v1/organizations/acme", r#"{"name": "Acme"}"#).await;
    assert_eq!(answer.status, 200);
}
