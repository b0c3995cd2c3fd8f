//! Where one is logged in, and ending that.

use prost_types::Timestamp;
use serde_json::json;
use trellis_proto::{
    identity::v1::{
        GetMeRequest, GetMeResponse, ListSessionsRequest, ListSessionsResponse, RevokeOtherSessionsRequest,
        RevokeOtherSessionsResponse, RevokeSessionRequest, RevokeSessionResponse, Session, User,
    },
    org::v1::{ListMembersRequest, ListMembersResponse, Member, Role},
};
use trellis_rpc::Problem;

use crate::{
    gateway::ANN,
    world::{OUTCOME, World, ann, signed_out},
};

const SESSIONS: &str = "sessions { id userAgent ip createdAt lastUsedAt expiresAt current }";

async fn with_sessions() -> World {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/ListSessions", |request: ListSessionsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        assert!(request.page.unwrap_or_default().all, "not only the first page");
        let at = |seconds: i64| Some(Timestamp { seconds: 1_769_851_800 + seconds, nanos: 0 });
        let session = Session {
            id: "s".into(),
            user_agent: "Firefox".into(),
            ip: "192.0.2.1".into(),
            created_at: at(0),
            last_used_at: at(1),
            expires_at: at(2),
            current: true,
        };
        Ok(ListSessionsResponse { sessions: vec![session], next_cursor: String::new() })
    });
    world
}

#[tokio::test]
async fn one_sees_ones_own() {
    let world = with_sessions().await;
    world.harness.fake.on("IdentityService/GetMe", |_: GetMeRequest, _| {
        let user = User { id: ANN.to_string(), created_at: Some(Timestamp::default()), ..User::default() };
        Ok(GetMeResponse { user: Some(user) })
    });
    let me = world.payload(ann(), &format!("{{ me {{ {SESSIONS} }} }}"), json!({})).await;
    let session = json!({
        "id": "s", "userAgent": "Firefox", "ip": "192.0.2.1", "createdAt": "2026-01-31T09:30:00.000Z",
        "lastUsedAt": "2026-01-31T09:30:01.000Z", "expiresAt": "2026-01-31T09:30:02.000Z", "current": true,
    });
    assert_eq!(me, json!({ "sessions": [session] }));
}

#[tokio::test]
async fn of_people_in_lists_nobody_is_asked() {
    let world = with_sessions().await;
    world.harness.fake.on("OrgService/ListMembers", |_: ListMembersRequest, _| {
        let member = || Member { user_id: ANN.to_string(), role: Role::Member.into(), ..Member::default() };
        Ok(ListMembersResponse { members: vec![member(), member()], ..ListMembersResponse::default() })
    });
    let query = format!(r#"{{ organizationMembers(orgSlug: "acme") {{ user {{ {SESSIONS} }} }} }}"#);
    let none = json!({ "user": { "sessions": null } });
    assert_eq!(world.payload(ann(), &query, json!({})).await, json!([none, none]));
    assert!(world.harness.fake.calls("IdentityService/ListSessions").is_empty());
}

#[tokio::test]
async fn one_is_ended_or_all_others() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/RevokeSession", |request: RevokeSessionRequest, call| {
        assert_eq!(call.user, Some(ANN));
        if request.id == "mine" { Ok(RevokeSessionResponse {}) } else { Err(Problem::not_found("session").into()) }
    });
    world.harness.fake.on("IdentityService/RevokeOtherSessions", |_: RevokeOtherSessionsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(RevokeOtherSessionsResponse { ended: 3 })
    });
    let revoke = format!("mutation($id: ID!) {{ revokeSession(id: $id) {{ {OUTCOME} }} }}");
    let done = json!({ "success": true, "errors": [], "userErrors": [] });
    assert_eq!(world.payload(ann(), &revoke, json!({ "id": "mine" })).await, done);
    let missing = json!({ "field": null, "code": "not_found", "message": "Session not found" });
    assert_eq!(
        world.payload(ann(), &revoke, json!({ "id": "another" })).await,
        json!({ "success": false, "errors": ["Session not found"], "userErrors": [missing] })
    );
    let others = format!("mutation {{ revokeOtherSessions {{ {OUTCOME} ended }} }}");
    let done = json!({ "success": true, "errors": [], "userErrors": [], "ended": 3 });
    assert_eq!(world.payload(ann(), &others, json!({})).await, done);

    for query in [revoke, others] {
        let refused = world.payload(signed_out(), &query, json!({ "id": "mine" })).await;
        assert_eq!(refused["userErrors"][0]["code"], "unauthenticated");
    }
    assert_eq!(world.harness.fake.calls("IdentityService/RevokeSession").len(), 2);
}
