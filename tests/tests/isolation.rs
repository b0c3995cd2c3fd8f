//! Who is no member sees the same answer for what exists and what does not, on every route of the OpenAPI document.

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::Api;

#[tokio::test]
async fn a_non_member_gets_one_and_the_same_404_on_every_route() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let comment =
        ada.post(&format!("/organizations/{org}/tasks/WEB-1/comments"), json!({"content": "x"})).await.expect(201);
    let invitation = ada
        .post(&format!("/organizations/{org}/invitations"), json!({"email": "someone@example.test", "role": "MEMBER"}))
        .await
        .expect(201);

    let document = api.get("/openapi.json").await.expect(200);
    let mut tried = 0;
    for (template, operations) in document["paths"].as_object().unwrap() {
        let Some(path) = template.strip_prefix("/api/v1").filter(|path| path.starts_with("/organizations/{org}"))
        else {
            continue;
        };
        let existing = path
            .replace("{org}", &org)
            .replace("{project}", "WEB")
            .replace("{task_id}", "WEB-1")
            .replace("{user_id}", ada.id())
            .replace("{id}", if path.contains("comments") { &comment } else { &invitation }["id"].as_str().unwrap());
        let absent = existing.replace(&org, "there-is-no-such-organization");
        assert!(!existing.contains('{'), "{template} has a parameter that this test does not know");
        for method in operations.as_object().unwrap().keys() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            // A right body, no body, an unknown field, and nonsense: the answer is the same.
            for body in [
                Some(json!({"name": "x", "title": "x", "content": "x"}).to_string()),
                Some("{}".to_owned()),
                Some("nonsense".to_owned()),
                None,
            ] {
                let mut answers = Vec::new();
                for path in [&existing, &absent] {
                    let signed_out = api.send(method.clone(), path, &[], body.clone()).await;
                    signed_out.problem(401, "unauthenticated");
                    let bearer = format!("Bearer {}", eve.token);
                    let answer = api.send(method.clone(), path, &[("authorization", &bearer)], body.clone()).await;
                    let kept = ["content-type", "etag", "trellis-cursor", "location", "www-authenticate", "allow"]
                        .map(|name| answer.header(name).to_owned());
                    let mut problem = answer.problem(404, "not_found");
                    problem["request_id"] = Value::Null;
                    answers.push((kept, problem));
                }
                assert_eq!(answers[0], answers[1], "{method} {template}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 25, "the document lists only {tried} operations below an organization");

    // And nothing happened.
    let members = ada.get(&format!("/organizations/{org}/members")).await.expect(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    assert_eq!(ada.get(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(200)["title"], "One");
}

#[tokio::test]
async fn no_socket_of_a_non_member_hears_anything() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let mut own = trellis_tests::Socket::open(&api.base, &ada.token).await;
    let cursor = own.subscribe(&format!("task:{org}/WEB-1"), None).await["cursor"].clone();

    let mut socket = trellis_tests::Socket::open(&api.base, &eve.token).await;
    let mut answers = Vec::new();
    for topic in [
        format!("task:{org}/WEB-1"),
        format!("task:{org}/WEB-99"),
        format!("project:{org}/website"),
        "task:there-is-no-such-organization/WEB-1".to_owned(),
    ] {
        socket.send(json!({"type": "subscribe", "id": 1, "topic": topic, "after": cursor})).await;
        answers.push(socket.next().await);
    }
    assert_eq!((&answers[0]["type"], &answers[0]["code"]), (&json!("error"), &json!("not_found")), "{}", answers[0]);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    ada.post(&format!("/organizations/{org}/tasks/WEB-1/comments"), json!({"content": "secret"})).await.expect(201);
    own.event("comment.created").await;
    socket.expect_nothing_pending().await;
}
