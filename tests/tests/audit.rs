//! The audit log of an organization: one entry per change, for its ADMINs alone.

use serde_json::{Value, json};
use trellis_tests::{Api, Session, unique};

const QUERY: &str =
    "query($slug: String!, $after: String) { organization(slug: $slug) { audit(first: 3, after: $after) {
    nodes { id action actor { id } user { id } email changes { field from to } ip occurredAt }
    pageInfo { hasNextPage endCursor } } } }";

/// The whole log, read in small pages.
async fn read(admin: &Session, org: &str) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/organizations/{org}/audit?limit=2{cursor}")).await.expect(200);
        entries.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

#[tokio::test]
async fn who_did_what_to_whom() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let path = format!("/organizations/{org}");
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    let name = unique("renamed");
    ada.patch(&path, json!({"name": name})).await.expect(200);
    ada.patch(&path, json!({"name": name})).await.expect(200);
    ada.patch(&format!("{path}/members/{}", ben.id()), json!({"role": "ADMIN"})).await.expect(200);
    ben.delete(&format!("{path}/members/{}", ben.id())).await.expect(204);
    ben.patch(&path, json!({"name": "Mine"})).await.problem(404, "not_found");

    let entries = read(&ada, &org).await;
    let told: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let newest_first = [
        "member.left",
        "member.role_changed",
        "organization.updated",
        "member.joined",
        "invitation.accepted",
        "invitation.created",
        "member.joined",
        "organization.created",
    ];
    assert_eq!(told, newest_first, "and nothing of what changed nothing");
    let [left, promoted, renamed, joined, accepted, invited, ..] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&left["actor"]["id"], &left["user"]["id"]), (&json!(ben.id()), &json!(ben.id())));
    assert_eq!((&promoted["actor"]["name"], &promoted["user"]["email"]), (&json!("Ada"), &json!(ben.email())));
    assert_eq!(promoted["changes"], json!({"role": {"from": "MEMBER", "to": "ADMIN"}}));
    assert_eq!(renamed["changes"], json!({"name": {"from": org, "to": name}}));
    assert_eq!(joined["actor"]["id"], ben.id());
    assert_eq!((&accepted["email"], &invited["email"]), (&json!(ben.email()), &json!(ben.email())));
    assert_eq!(invited["user"], Value::Null);
    for by_ada in [promoted, renamed, invited] {
        assert_eq!(by_ada["ip"], "127.0.0.1", "{by_ada}");
    }

    // The same by GraphQL.
    let (mut nodes, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = ada.graph().data(QUERY, json!({"slug": org, "after": after})).await;
        let audit = &data["organization"]["audit"];
        nodes.extend(audit["nodes"].as_array().unwrap().iter().cloned());
        if audit["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = audit["pageInfo"]["endCursor"].clone();
    }
    let ids = |entries: &[Value]| entries.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&nodes), ids(&entries));
    assert_eq!(nodes[1]["changes"], json!([{"field": "role", "from": "MEMBER", "to": "ADMIN"}]));
    assert_eq!((&nodes[1]["ip"], &nodes[1]["occurredAt"]), (&promoted["ip"], &promoted["occurred_at"]));
}

#[tokio::test]
async fn it_is_for_admins_of_the_organization_alone() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let (org, _) = (ada.organization().await, eve.organization().await);
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    let path = format!("/organizations/{org}/audit");
    api.get(&path).await.problem(401, "unauthenticated");
    eve.get(&path).await.problem(404, "not_found");
    ben.get(&path).await.problem(403, "forbidden");
    let refusal = ben.graph().post(QUERY, json!({"slug": org})).await;
    let error = &refusal.body["errors"][0];
    assert_eq!(error["extensions"]["code"], "forbidden", "{}", refusal.text);
    assert_eq!(error["message"], "You do not have permission to perform this action");
    assert_eq!(error["path"], json!(["organization", "audit"]));
    assert_eq!(eve.graph().refused(QUERY, json!({"slug": org})).await.0, "not_found");
    ada.get(&format!("{path}?limit=101")).await.problem(400, "invalid_request");
    ada.get(&format!("{path}?cursor=x")).await.problem(400, "invalid_request");
    ada.get(&format!("{path}?actor=x")).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn the_log_says_from_where_somebody_joined_and_keeps_those_who_are_gone() {
    let api = Api::shared();
    let org = unique("org");
    let create = "mutation($input: OrganizationInput!) { createOrganization(input: $input) { success errors } }";
    let input = json!({"name": org, "slug": org, "contactEmail": format!("{org}@example.test")});
    api.graph().done(create, json!({"input": input})).await;
    let ada = api.register_with(json!({"name": "Ada", "organization_slug": org})).await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    let path = format!("/organizations/{org}/audit");
    ben.get(&path).await.problem(403, "forbidden");
    ada.delete(&format!("/organizations/{org}/members/{}", ben.id())).await.expect(204);
    let refusal = async |person: &Session| {
        let mut problem = person.get(&path).await.problem(404, "not_found");
        problem["request_id"].take();
        problem
    };
    assert_eq!(refusal(&ben).await, refusal(&api.register("Eve").await).await);

    let entries = ada.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
    let told: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let newest_first = [
        "member.removed",
        "member.joined",
        "invitation.accepted",
        "invitation.created",
        "member.joined",
        "organization.created",
    ];
    assert_eq!(told, newest_first);
    for entry in &entries {
        assert!(entry["ip"].as_str().is_some_and(|ip| ip == "127.0.0.1" || ip == "::1"), "{entry}");
    }
    assert_eq!(entries[5]["actor"], Value::Null, "made signed out");
    assert_eq!((&entries[0]["user"]["id"], &entries[0]["user"]["email"]), (&json!(ben.id()), &json!(ben.email())));

    // The same from either end, by GraphQL.
    let query = "query($slug: String!, $first: Int, $after: String, $last: Int, $before: String) {
      organization(slug: $slug) { audit(first: $first, after: $after, last: $last, before: $before) {
        nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } } }";
    let ids: Vec<_> = entries.iter().map(|entry| entry["id"].clone()).collect();
    for (size, place, end, more) in
        [("first", "after", "endCursor", "hasNextPage"), ("last", "before", "startCursor", "hasPreviousPage")]
    {
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({"slug": org, size: 4, place: cursor});
            let page = ada.graph().field(query, variables).await["audit"].clone();
            let nodes: Vec<_> = page["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect();
            seen = if size == "first" { [seen, nodes].concat() } else { [nodes, seen].concat() };
            cursor = page["pageInfo"][end].clone();
            if page["pageInfo"][more] != true {
                break;
            }
        }
        assert_eq!(seen, ids, "{size}");
    }
}
