//! `Idempotency-Key`: what travels to the service, and what comes back.

use http::Method;
use sha2::{Digest, Sha256};
use trellis_proto::{
    identity::v1::{LoginRequest, LoginResponse},
    project::v1::{
        Comment, CreateCommentRequest, CreateCommentResponse, ReadAllNotificationsResponse, ReadNotificationResponse,
        UpdateTaskRequest, UpdateTaskResponse,
    },
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Answer, Harness, ask, blame};

const COMMENTS: &str = "/api/v1/organizations/acme/tasks/WEB-1/comments";
const BODY: &str = r#"{"content":"hi"}"#;

async fn comment(gateway: &Harness, key: &str) -> Answer {
    gateway.send(ask(Method::POST, COMMENTS).signed_in_as(ANN).header("idempotency-key", key).json(BODY)).await
}

#[tokio::test]
async fn the_key_travels_with_the_operation_and_the_body() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/CreateComment", |_: CreateCommentRequest, _| Ok(CreateCommentResponse::default()));
    let answer = comment(&gateway, "key-1").await;
    assert_eq!((answer.status.as_u16(), answer.header("idempotent-replayed")), (201, None));
    let key = gateway.fake.calls("ProjectService/CreateComment")[0].idempotency.clone().unwrap();
    assert_eq!((key.key.as_str(), key.operation.as_str()), ("key-1", &*format!("POST {COMMENTS}")));
    assert_eq!(key.fingerprint, <[u8; 32]>::from(Sha256::digest(BODY)));
    gateway.post(COMMENTS, BODY).await;
    assert_eq!(gateway.fake.calls("ProjectService/CreateComment")[1].idempotency, None);
}

#[tokio::test]
async fn a_kept_answer_says_so() {
    let gateway = Harness::start().await;
    let kept = Comment { id: "c1".into(), ..Comment::default() };
    gateway
        .fake
        .on_replayed("ProjectService/CreateComment", &CreateCommentResponse { comment: Some(kept), position: None });
    let answer = comment(&gateway, "key-1").await;
    assert_eq!((answer.status.as_u16(), answer.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(answer.header("location"), Some("/api/v1/organizations/acme/comments/c1"));
}

#[tokio::test]
async fn what_was_read_before_says_so() {
    let gateway = Harness::start().await;
    gateway.fake.on_replayed("ProjectService/ReadNotification", &ReadNotificationResponse::default());
    gateway.fake.on_replayed("ProjectService/ReadAllNotifications", &ReadAllNotificationsResponse::default());
    for (path, method) in [
        ("/api/v1/me/notifications/n1/read", "ProjectService/ReadNotification"),
        ("/api/v1/me/notifications/read-all", "ProjectService/ReadAllNotifications"),
    ] {
        let request = ask(Method::POST, path).signed_in_as(ANN).header("idempotency-key", "key-1");
        let answer = gateway.send(request.without_body()).await;
        assert_eq!((answer.status.as_u16(), answer.header("idempotent-replayed")), (204, Some("true")), "{path}");
        let key = gateway.fake.calls(method)[0].idempotency.clone().unwrap();
        assert_eq!((key.key.as_str(), key.operation), ("key-1", format!("POST {path}")));
    }
}

#[tokio::test]
async fn refusals() {
    let gateway = Harness::start().await;
    for bad in ["", "a b", &"x".repeat(65), "\u{e9}"] {
        let answer = comment(&gateway, bad).await;
        assert_eq!(answer.problem(400, "invalid_request"), [blame("Idempotency-Key", "invalid")], "{bad}");
    }
    for (code, status) in [(Code::IdempotencyKeyReused, 422), (Code::IdempotencyInFlight, 409)] {
        gateway.fake.on("ProjectService/CreateComment", move |_: CreateCommentRequest, _| {
            Err::<CreateCommentResponse, _>(Problem::new(code, "No.").into())
        });
        comment(&gateway, "key-1").await.problem(status, code.as_str());
    }
}

#[tokio::test]
async fn who_takes_none() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/Login", |_: LoginRequest, _| Ok(LoginResponse::default()));
    gateway.fake.on("ProjectService/UpdateTask", |_: UpdateTaskRequest, _| Ok(UpdateTaskResponse::default()));
    let login = ask(Method::POST, "/api/v1/auth/login").header("idempotency-key", "a b");
    assert_eq!(gateway.send(login.json(r#"{"email":"a","password":"b"}"#)).await.status, 200);
    let change = ask(Method::PATCH, "/api/v1/organizations/acme/tasks/WEB-1").signed_in_as(ANN);
    assert_eq!(gateway.send(change.header("idempotency-key", "key-1").json("{}")).await.status, 200);
    assert_eq!(gateway.fake.calls("ProjectService/UpdateTask")[0].idempotency, None);
}
