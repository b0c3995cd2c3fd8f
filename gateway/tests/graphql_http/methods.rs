//! POST for everything, GET for queries.

use http::Method;
use serde_json::json;

use crate::{
    gateway::{ANN, Harness, ask},
    post,
};

#[tokio::test]
async fn both_addresses_answer() {
    let gateway = Harness::start().await;
    for path in ["/graphql", "/graphql/", "/graphql?op=Name"] {
        let answer = gateway.post(path, r#"{"query": "{ __typename }"}"#).await;
        assert_eq!(answer.json(), json!({"data": {"__typename": "Query"}}), "{path}");
    }
    assert_eq!(gateway.get("/graphql/nothing").await.problem(404, "not_found"), []);
}

#[tokio::test]
async fn queries_by_get() {
    let gateway = Harness::start().await;
    for path in [
        "/graphql?query=%7B__typename%7D",
        "/graphql/?query=query+A($a:Int)%7B__typename+a:__typename@skip(if:true)%7D&variables=%7B%7D",
        "/graphql?query=query%20A%7B__typename%7D&operationName=A&extensions=%7B%7D&variables=&own=x",
    ] {
        let answer = gateway.get(path).await;
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        if path.contains("Int") {
            assert!(answer.refused(400, "invalid_request").contains("is not used"), "{told}");
        } else {
            assert_eq!(answer.json(), json!({"data": {"__typename": "Query"}}), "{path}: {told}");
        }
    }
    for (path, about) in [
        ("/graphql", "\"query\" must be a text"),
        ("/graphql?query=%7Bx%7D&query=%7Bx%7D", "must be given once"),
        ("/graphql?query=%7B__typename%7D&variables=%5B%5D", "\"variables\" must be an object"),
        ("/graphql?query=%7B__typename%7D&variables=x", "is not JSON"),
        ("/graphql?query=%ff", "not percent-encoded"),
    ] {
        let told = gateway.get(path).await.refused(400, "invalid_request");
        assert!(told.contains(about), "{path}: {told}");
    }
}

#[tokio::test]
async fn nothing_is_changed_by_a_get() {
    let gateway = Harness::start().await;
    for accept in ["*/*", "application/json", "application/graphql-response+json"] {
        let path = "/graphql?query=mutation%7BdeleteTask(taskId:%22WEB-1%22,orgSlug:%22acme%22)%7Bsuccess%7D%7D";
        let request = ask(Method::GET, path).signed_in_as(ANN).header("accept", accept).without_body();
        let answer = gateway.send(request).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "{accept}");
    }
    assert!(gateway.fake.calls("ProjectService/DeleteTask").is_empty());
}

#[tokio::test]
async fn other_methods() {
    let gateway = Harness::start().await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let answer = gateway.send(ask(method.clone(), "/graphql/").json(r#"{"query": "{ __typename }"}"#)).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("GET, POST"), "{method}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_every_answer() {
    let gateway = Harness::start().await;
    let origin = "http://localhost:5173";
    for query in ["{ __typename }", "{"] {
        let answer = post(&gateway, &[("origin", origin)], query).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let vary: Vec<_> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(vary, ["Accept", "Origin"]);
    }
}
