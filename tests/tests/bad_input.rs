//! Bad input of every field and route: a 4xx that names the field, never a 5xx, and nothing half-written.

mod crowds;
mod line;
mod places;
mod sockets;
mod storm;
mod wire;

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Answer, Api};

use places::{Place, World, world};

impl World {
    async fn send(&self, place: &Place, body: &Value) -> Answer {
        self.ada.send(place.method.clone(), &place.path, &[], Some(body.clone())).await
    }

    /// Everything that could have changed.
    async fn snapshot(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in
            ["", "/members", "/invitations", "/projects", "/tasks", "/tasks/WEB-1/comments", "/tasks/WEB-1/activity"]
        {
            all.push(self.ada.get(&format!("/organizations/{}{path}", self.org)).await.expect(200));
        }
        all.push(self.ada.get("/me").await.expect(200));
        all.push(self.ada.get("/me/organizations").await.expect(200));
        all
    }
}

#[tokio::test]
async fn a_bad_value_of_any_field_is_422_and_names_the_field_and_nothing_is_written() {
    let world = world().await;
    let before = world.snapshot().await;
    for place in &world.places {
        for (field, values) in &place.wrong {
            let types = [json!(7), json!(true), json!([]), json!({"a": 1})];
            for value in values.iter().chain(&types) {
                let mut body = place.right.clone();
                body[*field] = value.clone();
                let answer = world.send(place, &body).await;
                let shown = value.to_string().chars().take(60).collect::<String>();
                assert_eq!(
                    answer.bad_fields(),
                    [*field],
                    "{} {} {field}={shown}: {}",
                    place.method,
                    place.path,
                    answer.text
                );
                answer.problem(422, "validation_failed");
            }
        }
    }
    assert_eq!(world.snapshot().await, before);
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let world = world().await;
    for place in &world.places {
        let mut body = place.right.clone();
        let mut wanted: Vec<&str> = Vec::new();
        for (field, values) in &place.wrong {
            // One of the two says whom a task is assigned to; both at once is a mistake of its own.
            if *field == "assignee_email" {
                continue;
            }
            body[*field] = values[0].clone();
            wanted.push(field);
        }
        wanted.sort_unstable();
        let answer = world.send(place, &body).await;
        // A wrong current password is only found after everything else is right.
        if place.path == "/me/password" {
            wanted.retain(|field| *field != "current_password");
            assert!(wanted.iter().all(|field| answer.bad_fields().contains(&(*field).to_owned())), "{}", answer.text);
        } else {
            assert_eq!(answer.bad_fields(), wanted, "{} {}: {}", place.method, place.path, answer.text);
        }
        answer.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_body_that_is_none_is_400_and_an_unknown_field_is_named() {
    let world = world().await;
    let before = world.snapshot().await;
    let bearer = format!("Bearer {}", world.ada.token);
    for place in &world.places {
        let headers = [("authorization", bearer.as_str())];
        for body in ["", "{", "nonsense", "[]", "7", "null", "\"text\"", "{\"a\":1}}", "{\"name\":\"x\",}"] {
            let answer = world.ada.api.send(place.method.clone(), &place.path, &headers, Some(body.to_owned())).await;
            assert_eq!(answer.status, 400, "{} {} {body:?}: {}", place.method, place.path, answer.text);
            answer.problem(400, "invalid_request");
        }
        let mut body = place.right.clone();
        body["colour"] = json!("red");
        let answer = world.send(place, &body).await;
        assert_eq!(answer.bad_fields(), ["colour"], "{} {}: {}", place.method, place.path, answer.text);
        answer.problem(400, "invalid_request");

        let text = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
        let answer = world.ada.api.send(place.method.clone(), &place.path, &text, Some(place.right.to_string())).await;
        answer.problem(415, "unsupported_media_type");
        let answer = world
            .ada
            .send(place.method.clone(), &format!("{}?colour=red", place.path), &[], Some(place.right.clone()))
            .await;
        assert_eq!(answer.bad_fields(), ["colour"], "{} {}: {}", place.method, place.path, answer.text);
        answer.problem(400, "invalid_request");
    }
    assert_eq!(world.snapshot().await, before);
}

#[tokio::test]
async fn required_fields_are_named_when_they_are_missing() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    for (path, wanted) in [
        ("/auth/register".to_owned(), vec!["email", "name", "password"]),
        ("/auth/login".to_owned(), vec!["email", "password"]),
        ("/auth/refresh".to_owned(), vec!["refresh_token"]),
        ("/me/password".to_owned(), vec!["current_password", "new_password"]),
        ("/organizations".to_owned(), vec!["contact_email", "name", "slug"]),
        ("/invitations/accept".to_owned(), vec!["token"]),
        (format!("/organizations/{org}/invitations"), vec!["email"]),
        (format!("/organizations/{org}/projects"), vec!["name"]),
        (format!("/organizations/{org}/projects/WEB/tasks"), vec!["title"]),
        (format!("/organizations/{org}/tasks/WEB-1/comments"), vec!["content"]),
    ] {
        let answer = ada.post(&path, json!({})).await;
        let missing = answer.bad_fields();
        assert!(wanted.iter().all(|field| missing.contains(&(*field).to_owned())), "{path}: {}", answer.text);
        answer.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn odd_paths_methods_and_sizes_get_a_problem_too() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    for path in ["//nothing/here", "/nothing", "//api/v2/me", "/auth/"] {
        api.get(path).await.problem(404, "not_found");
    }
    for path in [
        "/tasks/WEB-0",
        "/tasks/WEB-99999999999999999999",
        "/tasks/WEB",
        "/tasks/-1",
        "/tasks/%00",
        "/tasks/WEB-1%2F..",
        "/projects/nothing",
        "/projects/%F0%9F%90%88",
        "/tasks/NOPE-1/comments",
        "/tasks/NOPE-1/activity",
    ] {
        let answer = ada.get(&format!("/organizations/{org}{path}")).await;
        assert!(answer.status == 404 || answer.status == 400, "{path}: {} {}", answer.status, answer.text);
        assert!(answer.body["code"].is_string(), "{path}: {}", answer.text);
    }
    for (method, path) in [
        (Method::DELETE, format!("/organizations/{org}/comments/not-a-uuid")),
        (Method::DELETE, format!("/organizations/{org}/members/not-a-uuid")),
        (Method::DELETE, format!("/organizations/{org}/invitations/not-a-uuid")),
    ] {
        ada.send(method, &path, &[], None).await.problem(404, "not_found");
    }
    let answer = api.send(Method::PUT, "/auth/login", &[], None).await;
    assert!(answer.header("allow").contains("POST"));
    answer.problem(405, "method_not_allowed");
    let answer = ada.post("/live", json!({})).await;
    assert!(answer.header("allow").contains("GET"));
    answer.problem(405, "method_not_allowed");

    // Headers up to 32 KiB, however many.
    let names: Vec<String> = (0..500).map(|n| format!("x-header-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "value")).collect();
    ada.send(Method::GET, "/me", &many, None).await.expect(200);
    let large = "v".repeat(40 * 1024);
    let answer = ada.send(Method::GET, "/me", &[("x-large", large.as_str())], None).await;
    assert_eq!(answer.status, 431);
    assert!(!answer.header("x-request-id").is_empty());

    let large = json!({"title": "x".repeat(300 * 1024)});
    ada.post(&format!("/organizations/{org}/projects/WEB/tasks"), large).await.problem(413, "payload_too_large");

    // Characters, not bytes: 20,000 of four bytes each fit.
    let many = "🐈".repeat(20_000);
    let task = ada
        .post(&format!("/organizations/{org}/projects/WEB/tasks"), json!({"title": "cats", "description": many}))
        .await
        .expect(201);
    assert_eq!(task["description"], many);
}
