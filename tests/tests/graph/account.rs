//! One's own sessions, and what the audit log says of an organization.

use serde_json::{Value, json};
use trellis_tests::PASSWORD;

use super::{NO_PERMISSION, each, world};
use crate::original::ended;

#[tokio::test]
async fn ones_sessions_are_listed_and_ended() {
    let w = world().await;
    let again = async || w.api.session(&w.api.login(w.ben.email(), PASSWORD).await.expect(200));
    let (second, third) = (again().await, again().await);
    let query = "{ me { sessions { id userAgent ip createdAt lastUsedAt expiresAt current } } }";
    let sessions = second.graph().field(query, json!({})).await["sessions"].clone();
    assert_eq!(each(&sessions, "createdAt").len(), 3);
    let sessions = sessions.as_array().unwrap();
    let own: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(own.len(), 1, "{sessions:?}");

    let revoke = "mutation($id: ID!) { revokeSession(id: $id) { success errors userErrors { code } } }";
    let graph = second.graph();
    w.ada.graph().failed(revoke, json!({"id": own[0]["id"]})).await;
    for id in ["nonsense", "0198c5a0-0000-7000-8000-000000000000"] {
        let answer = graph.post(revoke, json!({"id": id})).await;
        assert_eq!(answer.body["data"]["revokeSession"]["userErrors"][0]["code"], "not_found", "{}", answer.text);
    }
    let others = "mutation { revokeOtherSessions { success errors ended } }";
    assert_eq!(graph.done(others, json!({})).await["ended"], 2);
    for session in [&w.ben, &third] {
        ended(session).await;
    }
    assert_eq!(
        graph.field("{ me { sessions { current } } }", json!({})).await,
        json!({"sessions": [{"current": true}]})
    );
    graph.done(revoke, json!({"id": own[0]["id"]})).await;
    ended(&second).await;
    assert_eq!(w.api.graph().failed(others, json!({})).await, [NO_PERMISSION]);
}

#[tokio::test]
async fn nobody_sees_the_sessions_of_others() {
    let w = world().await;
    let query = "query($org: String!) { organizationMembers(orgSlug: $org) { user { id sessions { id } } } }";
    let answer = w.ada.graph().post(query, json!({"org": w.org})).await;
    let members = answer.body["data"]["organizationMembers"].as_array().unwrap();
    let of = |person: &str| {
        members.iter().find(|member| member["user"]["id"] == person).unwrap()["user"]["sessions"].clone()
    };
    assert_eq!((of(w.ben.id()), members.len()), (Value::Null, 2), "{}", answer.text);
}

#[tokio::test]
async fn the_audit_log_is_for_admins_newest_first() {
    let w = world().await;
    let change = "mutation($org: String!, $user: ID!) { updateMember(orgSlug: $org, userId: $user, role: ADMIN) { success errors } }";
    w.ada.graph().done(change, json!({"org": w.org, "user": w.ben.id()})).await;
    let query = "query($org: String!) { organization(slug: $org) { audit(first: 1) {
      nodes { id action actor { name } user { name } changes { field from to } occurredAt } pageInfo { hasNextPage } } } }";
    let log = w.ben.graph().field(query, json!({"org": w.org})).await["audit"].clone();
    let newest = &log["nodes"][0];
    assert_eq!((&newest["action"], &newest["actor"]["name"]), (&json!("member.role_changed"), &json!("Ada")));
    assert_eq!(newest["changes"], json!([{"field": "role", "from": "MEMBER", "to": "ADMIN"}]));
    assert_eq!((&newest["user"]["name"], &log["pageInfo"]["hasNextPage"]), (&json!("Ben"), &json!(true)));

    let carla = w.ada.invite(&w.org, "Carla", "MEMBER").await;
    let answer = carla.graph().post(query, json!({"org": w.org})).await;
    let error = &answer.body["errors"][0];
    assert_eq!((&error["extensions"]["code"], &error["message"]), (&json!("forbidden"), &json!(NO_PERMISSION)));
}
