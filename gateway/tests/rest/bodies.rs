//! What a body may be, and how it becomes a call.

use axum::body::Body;
use http::{Method, Request};
use trellis_proto::project::v1::{
    CreateTaskRequest, CreateTaskResponse, Nullable, UpdateTaskRequest, UpdateTaskResponse,
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Harness, ask, blame};

const TASKS: &str = "/api/v1/organizations/acme/projects/web/tasks";
const TASK: &str = "/api/v1/organizations/acme/tasks/WEB-1";

#[tokio::test]
async fn what_is_no_object_of_known_fields() {
    let gateway = Harness::start().await;
    for body in ["", " ", "{", "[]", "\"x\"", "null", "{\"title\":\"\\ud800\"}", "{\"title\":\"x\"} x"] {
        assert_eq!(gateway.post(TASKS, body).await.problem(400, "invalid_request"), [], "{body}");
    }
    let answer = gateway.post(TASKS, r#"{"title":1,"colour":"red"}"#).await;
    assert_eq!(answer.problem(400, "invalid_request"), [blame("colour", "unknown")]);
    let answer = gateway.post(TASKS, r#"{"title":"a","title":"b"}"#).await;
    assert_eq!(answer.problem(400, "invalid_request"), [blame("title", "duplicate")]);
    let invalid = ask(Method::POST, TASKS).signed_in_as(ANN).header("content-type", "application/json");
    gateway.send(invalid.body(&b"{\"title\":\"\xff\"}"[..])).await.problem(400, "invalid_request");
    assert!(gateway.fake.calls("ProjectService/CreateTask").is_empty());
}

#[tokio::test]
async fn fields_of_the_wrong_type() {
    let gateway = Harness::start().await;
    let answer = gateway.post(TASKS, r#"{"status":5,"description":null,"due_date":[]}"#).await;
    assert_eq!(
        answer.problem(422, "validation_failed"),
        [
            blame("description", "invalid_type"),
            blame("status", "invalid_type"),
            blame("due_date", "invalid_type"),
            blame("title", "required")
        ]
    );
    let answer = gateway.patch(TASK, r#"{"title":null}"#).await;
    assert_eq!(answer.problem(422, "validation_failed"), [blame("title", "invalid_type")]);
    let answer = gateway.patch(TASK, r#"{"title":"a\u0000"}"#).await;
    assert_eq!(answer.problem(422, "validation_failed"), [blame("title", "invalid")]);
}

#[tokio::test]
async fn a_field_that_is_missing_is_judged_with_the_others_and_called_required() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/CreateTask", |request: CreateTaskRequest, _| -> Result<CreateTaskResponse, _> {
        assert_eq!((request.title.as_str(), request.status.as_deref()), ("", Some("MAYBE")));
        let problem = Problem::new(Code::ValidationFailed, "Bad.").with_field("title", "blank", "must not be blank");
        Err(problem.with_field("status", "invalid", "must be one of …").into())
    });
    let answer = gateway.post(TASKS, r#"{"status":"MAYBE"}"#).await;
    assert_eq!(answer.problem(422, "validation_failed"), [blame("title", "required"), blame("status", "invalid")]);
    let answer = gateway.post(TASKS, r#"{"title":"","status":"MAYBE"}"#).await;
    assert_eq!(answer.problem(422, "validation_failed"), [blame("title", "blank"), blame("status", "invalid")]);
}

#[tokio::test]
async fn absent_null_and_value_are_three_things_in_a_change() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/UpdateTask", |_: UpdateTaskRequest, _| Ok(UpdateTaskResponse::default()));
    let sent = async |body: &str| {
        assert_eq!(gateway.patch(TASK, body).await.status, 200);
        let request: UpdateTaskRequest = gateway.fake.asked("ProjectService/UpdateTask");
        (request.assignee_id, request.due_date, request.title)
    };
    let clear = || Some(Nullable { value: None });
    assert_eq!(sent("{}").await, (None, None, None));
    assert_eq!(sent(r#"{"assignee_id":null,"due_date":null}"#).await, (clear(), clear(), None));
    let given = Some(Nullable { value: Some("2026-01-31".into()) });
    assert_eq!(sent(r#"{"due_date":"2026-01-31","title":""}"#).await, (None, given, Some(String::new())));
}

#[tokio::test]
async fn media_types() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/UpdateTask", |_: UpdateTaskRequest, _| Ok(UpdateTaskResponse::default()));
    let typed = async |method: Method, kind: Option<&str>| {
        let path = if method == Method::POST { TASKS } else { TASK };
        let request = ask(method, path).signed_in_as(ANN);
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        gateway.send(request.body("{}")).await
    };
    for good in ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"] {
        assert_eq!(typed(Method::PATCH, Some(good)).await.status, 200, "{good}");
    }
    for bad in
        [Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/merge-patch+json"), None]
    {
        typed(Method::POST, bad).await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let gateway = Harness::start().await;
    let large = format!("{{\"title\":\"{}\"}}", "x".repeat(256 * 1024));
    let announced = ask(Method::POST, TASKS).signed_in_as(ANN).header("content-length", &large.len().to_string());
    gateway.send(announced.json(&large)).await.problem(413, "payload_too_large");
    let pieces: Vec<_> = large.as_bytes().chunks(1000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let stream = Body::from_stream(futures_util::stream::iter(pieces));
    let request = ask(Method::POST, TASKS).signed_in_as(ANN).header("content-type", "application/json").body(stream);
    gateway.send(request).await.problem(413, "payload_too_large");
    // To a stranger it makes no difference.
    let request: Request<Body> =
        ask(Method::POST, "/api/v1/organizations/nowhere/projects").signed_in_as(ANN).json(&large);
    gateway.send(request).await.problem(404, "not_found");
}
