//! What is refused before anything is run, and that it is told in the shape of GraphQL.

use http::Method;
use serde_json::json;

use crate::{
    gateway::{ANN, Harness, ask},
    post, send,
};

#[tokio::test]
async fn bodies_that_are_no_request() {
    let gateway = Harness::start().await;
    for accept in ["*/*", "application/json", "application/graphql-response+json"] {
        for (body, about) in [
            ("", "it is empty"),
            ("{\"query\": \"{", "not a GraphQL request"),
            ("[{\"query\": \"{ __typename }\"}]", "Batches are not taken"),
            ("{\"qeury\": \"{ __typename }\"}", "\"query\" must be a text"),
            ("{\"query\": \"{ __typename }\", \"variables\": 1}", "\"variables\" must be an object"),
        ] {
            let answer = gateway.send(ask(Method::POST, "/graphql").header("accept", accept).json(body)).await;
            let told = answer.refused(400, "invalid_request");
            assert!(told.contains(about), "{accept} {body}: {told}");
        }
    }
}

#[tokio::test]
async fn media_types_and_sizes() {
    let gateway = Harness::start().await;
    let body = r#"{"query": "{ __typename }"}"#;
    for kind in ["text/plain", "application/graphql", "application/json; charset=utf-16", "multipart/form-data"] {
        let request = ask(Method::POST, "/graphql").header("content-type", kind).body(body);
        gateway.send(request).await.refused(415, "unsupported_media_type");
    }
    gateway.send(ask(Method::POST, "/graphql").body(body)).await.refused(415, "unsupported_media_type");
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        let request = ask(Method::POST, "/graphql").header("content-type", kind).body(body);
        assert_eq!(gateway.send(request).await.status, 200, "{kind}");
    }
    let large = json!({"query": "{ __typename }", "variables": {"v": "x".repeat(256 * 1024)}});
    send(&gateway, &[], &large).await.refused(413, "payload_too_large");
    let long = format!("{{ __typename }} #{}", "x".repeat(64 * 1024));
    let told = post(&gateway, &[], &long).await.refused(400, "invalid_request");
    assert!(told.contains("at most 65536"), "{told}");
    let request = ask(Method::POST, "/graphql").header("x-long", &"x".repeat(33 * 1024)).json(body);
    gateway.send(request).await.refused(431, "headers_too_large");
}

#[tokio::test]
async fn an_upgrade_that_is_none() {
    let gateway = Harness::start().await;
    let request = ask(Method::GET, "/graphql").header("upgrade", "websocket").without_body();
    gateway.send(request).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_bomb_costs_no_call() {
    let gateway = Harness::start().await;
    let query = format!("{{ {} }}", "a: organizations { id } ".repeat(31));
    let request = ask(Method::POST, "/graphql").signed_in_as(ANN).json(&json!({"query": query}).to_string());
    let told = gateway.send(request).await.refused(400, "invalid_request");
    assert!(told.contains("31 aliases; at most 30"), "{told}");
    let query =
        "{ organization(slug: \"acme\") { projects(first: 100) { nodes { tasks(first: 100) { nodes { id } } } } } }";
    let request = ask(Method::POST, "/graphql").signed_in_as(ANN).json(&json!({"query": query}).to_string());
    let told = gateway.send(request).await.refused(400, "invalid_request");
    assert!(told.contains("complexity of") && told.contains("at most 2000"), "{told}");
    assert!(gateway.fake.calls("OrgService/GetOrganization").is_empty());
    assert!(gateway.fake.calls("ProjectService/ListProjects").is_empty());
}
