//! Organizations, members, invitations.

use serde_json::{Value, json};
use trellis_tests::{Api, Session, unique};

#[tokio::test]
async fn an_organization_is_made_read_changed_and_deleted() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let slug = unique("acme");
    let body = json!({"name": slug, "slug": slug, "contact_email": format!("{slug}@example.test")});
    let created = ada.post("/organizations", body.clone()).await;
    assert_eq!(created.header("location"), format!("/api/v1/organizations/{slug}"));
    let created = created.expect(201);
    assert_eq!((&created["role"], &created["join_policy"]), (&json!("ADMIN"), &json!("INVITE_ONLY")));
    let again = ada.post("/organizations", body).await;
    assert_eq!(again.bad_fields(), ["contact_email", "name", "slug"]);
    again.problem(409, "already_exists");

    let path = format!("/organizations/{slug}");
    assert_eq!(ada.get(&path).await.expect(200), created);
    let open = ada.patch(&path, json!({"join_policy": "OPEN"})).await.expect(200);
    assert_eq!(open["join_policy"], "OPEN");

    // OPEN: in the directory for everybody, and who registers with the slug is in.
    let listed = directory(&api, &slug).await.expect("an OPEN organization is in the directory");
    assert!(listed.get("role").is_none() && listed.get("join_policy").is_none(), "{listed}");
    let ben = api.register_with(json!({"organization_slug": slug})).await;
    assert_eq!(ben.get(&path).await.expect(200)["role"], "MEMBER");

    ben.delete(&path).await.problem(403, "forbidden");
    ada.delete(&path).await.expect(204);
    ada.get(&path).await.problem(404, "not_found");
    assert!(directory(&api, &slug).await.is_none());
}

async fn directory(api: &Api, slug: &str) -> Option<Value> {
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/organizations?limit=100{cursor}")).await.expect(200);
        if let Some(found) = page["items"].as_array().unwrap().iter().find(|item| item["slug"] == slug) {
            return Some(found.clone());
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str()?);
    }
}

#[tokio::test]
async fn an_invitation_fits_one_email_once() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let (ben, eve) = (api.register("Ben").await, api.register("Eve").await);
    let invitations = format!("/organizations/{org}/invitations");
    let invitation = ada.post(&invitations, json!({"email": ben.email(), "role": "MEMBER"})).await.expect(201);
    let accept = json!({"token": invitation["token"]});

    let listed = ada.get(&invitations).await.expect(200);
    assert_eq!(listed["items"][0]["email"], ben.email());
    assert!(listed["items"][0].get("token").is_none(), "the token is shown once");

    eve.post("/invitations/accept", accept.clone()).await.problem(404, "not_found");
    eve.post("/invitations/accept", json!({"token": "nonsense"})).await.problem(404, "not_found");
    assert_eq!(ben.post("/invitations/accept", accept.clone()).await.expect(200)["slug"], org);
    let second = ben.post("/invitations/accept", accept).await;
    assert!(second.status == 404 || second.status == 409, "{}", second.text);

    // Revoked: as if it had never been.
    let invitation = ada.post(&invitations, json!({"email": eve.email(), "role": "MEMBER"})).await.expect(201);
    ada.delete(&format!("{invitations}/{}", invitation["id"].as_str().unwrap())).await.expect(204);
    eve.post("/invitations/accept", json!({"token": invitation["token"]})).await.problem(404, "not_found");
    let member = ada.post(&invitations, json!({"email": ben.email(), "role": "ADMIN"})).await;
    assert_eq!(member.bad_fields(), ["email"]);
    member.problem(409, "already_exists");
}

#[tokio::test]
async fn members_change_roles_and_the_last_admin_stays() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    let member = |id: &str| format!("/organizations/{org}/members/{id}");

    ada.delete(&member(ada.id())).await.problem(409, "last_admin");
    ada.patch(&member(ada.id()), json!({"role": "MEMBER"})).await.problem(409, "last_admin");
    ben.patch(&member(ben.id()), json!({"role": "ADMIN"})).await.problem(403, "forbidden");
    ben.delete(&member(ada.id())).await.problem(403, "forbidden");
    ben.post(&format!("/organizations/{org}/invitations"), json!({"email": "x@example.test"}))
        .await
        .problem(403, "forbidden");

    let promoted = ada.patch(&member(ben.id()), json!({"role": "ADMIN"})).await.expect(200);
    assert_eq!((&promoted["role"], &promoted["user"]["name"]), (&json!("ADMIN"), &json!("Ben")));
    ada.delete(&member(ada.id())).await.expect(204);
    ada.get(&format!("/organizations/{org}")).await.problem(404, "not_found");
    assert_eq!(
        ben.get(&format!("/organizations/{org}/members")).await.expect(200)["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn of_an_organization_that_is_not_open_the_directory_says_nothing() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let org = ada.organization().await;
    let seen = async |person: Option<&Session>| -> [Option<Value>; 2] {
        let graph = person.map_or_else(|| api.graph(), Session::graph);
        let query = "{ organizations { id name slug contactEmail createdAt joinPolicy role } }";
        let whole = graph.field(query, json!({})).await;
        let find = |list: &Value| list.as_array().unwrap().iter().find(|item| item["slug"] == org).cloned();
        let mut cursor = String::new();
        loop {
            let path = format!("/organizations?limit=100{cursor}");
            let page = match person {
                Some(person) => person.get(&path).await.expect(200),
                None => api.get(&path).await.expect(200),
            };
            let found = find(&page["items"]);
            if found.is_some() || page["next_cursor"].is_null() {
                return [found, find(&whole)];
            }
            cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        }
    };
    for policy in ["INVITE_ONLY", "OPEN", "INVITE_ONLY"] {
        ada.patch(&format!("/organizations/{org}"), json!({"join_policy": policy})).await.expect(200);
        for person in [None, Some(&eve)] {
            let [rest, graph] = seen(person).await;
            assert_eq!((rest.is_some(), graph.is_some()), (policy == "OPEN", policy == "OPEN"), "{policy}");
            let (Some(rest), Some(graph)) = (rest, graph) else { continue };
            let fields: Vec<_> = rest.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["contact_email", "created_at", "id", "name", "slug"]);
            assert_eq!((&graph["joinPolicy"], &graph["role"]), (&Value::Null, &Value::Null));
        }
        let [rest, graph] = seen(Some(&ada)).await;
        assert_eq!((&rest.unwrap()["role"], &graph.unwrap()["role"]), (&json!("ADMIN"), &json!("ADMIN")));
        // Open or not, below its path there is nothing for a stranger.
        eve.get(&format!("/organizations/{org}")).await.problem(404, "not_found");
    }
}
