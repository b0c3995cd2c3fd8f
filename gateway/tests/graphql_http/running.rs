//! Operations that are run: who asks, and what travels with it.

use serde_json::json;
use trellis_proto::project::v1::{CreateCommentRequest, CreateCommentResponse, DeleteTaskRequest, DeleteTaskResponse};

use crate::{
    gateway::{ANN, Harness, token},
    post, send,
};

const DELETE: &str = "mutation { deleteTask(taskId: \"WEB-1\", orgSlug: \"acme\") { success errors } }";

fn deletes(gateway: &Harness) {
    gateway.fake.on("ProjectService/DeleteTask", |_: DeleteTaskRequest, _| Ok(DeleteTaskResponse::default()));
}

#[tokio::test]
async fn tokens_in_every_way_that_clients_send_them() {
    let gateway = Harness::start().await;
    deletes(&gateway);
    let good = token(ANN, 600);
    for scheme in ["Bearer", "JWT", "jwt", "bearer"] {
        let answer = post(&gateway, &[("authorization", &format!("{scheme} {good}"))], DELETE).await;
        assert_eq!(answer.json(), json!({"data": {"deleteTask": {"success": true, "errors": []}}}), "{scheme}");
    }
    assert_eq!(gateway.fake.calls("ProjectService/DeleteTask").len(), 4);
    let refused = json!({"data": {"deleteTask":
        {"success": false, "errors": ["You do not have permission to perform this action"]}}});
    let expired = format!("JWT {}", token(ANN, -60));
    for bad in ["", "JWT", "JWT ", "JWT x", "Basic abc", "Bearer a b c", &expired] {
        assert_eq!(post(&gateway, &[("authorization", bad)], DELETE).await.json(), refused, "{bad}");
        // And nothing fails by it that needs no user.
        let answer = post(&gateway, &[("authorization", bad)], "{ __typename }").await;
        assert_eq!(answer.json(), json!({"data": {"__typename": "Query"}}), "{bad}");
    }
    assert_eq!(gateway.fake.calls("ProjectService/DeleteTask").len(), 4);
}

#[tokio::test]
async fn the_idempotency_key_tells_mutations_of_one_request_apart() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/CreateComment", |_: CreateCommentRequest, _| Ok(CreateCommentResponse::default()));
    let authorization = format!("Bearer {}", token(ANN, 600));
    let comment = |name: &str| {
        format!("{name}: createTaskComment(orgSlug: \"acme\", taskId: \"WEB-1\", content: \"x\") {{ success }}")
    };
    let query = &format!("mutation {{ {} {} }}", comment("a"), comment("b"));
    post(&gateway, &[("authorization", &authorization), ("idempotency-key", "k-1")], query).await;
    let keys: Vec<_> =
        gateway.fake.calls("ProjectService/CreateComment").into_iter().filter_map(|call| call.idempotency).collect();
    let operations: Vec<_> = keys.iter().map(|key| (key.key.as_str(), key.operation.as_str())).collect();
    assert_eq!(operations, [("k-1", "GRAPHQL a"), ("k-1", "GRAPHQL b")]);
}

#[tokio::test]
async fn the_operation_that_is_named_is_run_with_its_variables() {
    let gateway = Harness::start().await;
    let query = "query A($yes: Boolean = false) { a: __typename ...F @include(if: $yes) } query B { b: __typename } \
        fragment F on Query { c: __typename }";
    for (body, data) in [
        (json!({"query": query, "operationName": "A"}), json!({"a": "Query"})),
        (
            json!({"query": query, "operationName": "A", "variables": {"yes": true}}),
            json!({"a": "Query", "c": "Query"}),
        ),
        (json!({"query": query, "operationName": "B"}), json!({"b": "Query"})),
    ] {
        assert_eq!(send(&gateway, &[], &body).await.json(), json!({"data": data}), "{body}");
    }
    for name in [json!(null), json!("C")] {
        send(&gateway, &[], &json!({"query": query, "operationName": name})).await.refused(400, "invalid_request");
    }
}
