//! The one shape of refusals, whatever refuses.

use std::sync::Arc;

use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
use http::{Method, Request};
use trellis_gateway::edge;
use trellis_proto::{
    identity::v1::{GetMeRequest, GetMeResponse, LoginRequest, LoginResponse},
    project::v1::{GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse},
};
use trellis_rpc::{Code, Problem};

use crate::gateway::{ANN, Harness, ask, blame};

#[tokio::test]
async fn unknown_paths_and_methods() {
    let gateway = Harness::start().await;
    for path in ["/", "/nothing", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/me/", "/docs/nothing.js", "//"] {
        gateway.get(path).await.problem(404, "not_found");
    }
    gateway.get("/api/v1/organizations/acme/nothing").await.problem(404, "not_found");
    let answer = gateway.send(ask(Method::PUT, "/api/v1/me").signed_in_as(ANN).without_body()).await;
    answer.problem(405, "method_not_allowed");
    let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "PATCH"]);
    let answer =
        gateway.send(ask(Method::POST, "/api/v1/organizations/acme/tasks/WEB-1").signed_in_as(ANN).json("{}")).await;
    answer.problem(405, "method_not_allowed");
    assert!(answer.header("allow").unwrap().contains("DELETE"));
}

#[tokio::test]
async fn every_code_of_a_service_has_its_status() {
    let gateway = Harness::start().await;
    let codes = [
        (Code::InvalidRequest, 400, "invalid_request"),
        (Code::Unauthenticated, 401, "unauthenticated"),
        (Code::InvalidCredentials, 401, "invalid_credentials"),
        (Code::TokenExpired, 401, "token_expired"),
        (Code::Forbidden, 403, "forbidden"),
        (Code::InvitationRequired, 403, "invitation_required"),
        (Code::NotFound, 404, "not_found"),
        (Code::AlreadyExists, 409, "already_exists"),
        (Code::LastAdmin, 409, "last_admin"),
        (Code::VersionMismatch, 412, "version_mismatch"),
        (Code::ValidationFailed, 422, "validation_failed"),
        (Code::IdempotencyKeyReused, 422, "idempotency_key_reused"),
        (Code::IdempotencyInFlight, 409, "idempotency_in_flight"),
        (Code::RateLimited, 429, "rate_limited"),
        (Code::Unavailable, 503, "unavailable"),
        (Code::Internal, 500, "internal"),
    ];
    for (code, status, word) in codes {
        gateway.fake.on("IdentityService/GetMe", move |_: GetMeRequest, _| -> Result<GetMeResponse, _> {
            Err(Problem::new(code, "Because.").with_field("name", "odd", "is odd").into())
        });
        let answer = gateway.get("/api/v1/me").await;
        assert_eq!(answer.problem(status, word), [blame("name", "odd")]);
        assert_eq!(answer.json()["detail"], "Because.");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{word}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429 || status == 503, "{word}");
    }
}

#[tokio::test]
async fn what_goes_wrong_inside_is_told_to_nobody() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/GetMe", |_: GetMeRequest, _| -> Result<GetMeResponse, _> {
        Err(tonic::Status::internal("relation \"users\" does not exist"))
    });
    let answer = gateway.get("/api/v1/me").await;
    answer.problem(500, "internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("relation"));
}

#[tokio::test]
async fn a_service_that_is_away_is_asked_once_more_and_only_for_reading() {
    let gateway = Harness::start().await;
    let away = || tonic::Status::from(Problem::unavailable("Away."));
    gateway
        .fake
        .on("ProjectService/GetTask", move |_: GetTaskRequest, _| -> Result<GetTaskResponse, _> { Err(away()) });
    gateway.fake.on("IdentityService/Login", move |_: LoginRequest, _| -> Result<LoginResponse, _> { Err(away()) });
    let answer = gateway.get("/api/v1/organizations/acme/tasks/WEB-1").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(gateway.fake.calls("ProjectService/GetTask").len(), 2);
    gateway.post("/api/v1/auth/login", r#"{"email":"a@b.c","password":"x"}"#).await.problem(503, "unavailable");
    assert_eq!(gateway.fake.calls("IdentityService/Login").len(), 1);
}

#[tokio::test]
async fn bad_queries_name_each_parameter() {
    let gateway = Harness::start().await;
    let tasks = "/api/v1/organizations/acme/tasks";
    let blamed = async |query: &str| gateway.get(&format!("{tasks}?{query}")).await.problem(400, "invalid_request");
    assert_eq!(blamed("stauts=TODO&limit=1&limit=2").await, [blame("stauts", "unknown"), blame("limit", "duplicate")]);
    for limit in ["0", "101", "-1", "x", "", "1.5", "%2B1"] {
        assert_eq!(blamed(&format!("limit={limit}")).await, [blame("limit", "invalid")], "{limit}");
    }
    assert_eq!(blamed("q=%00").await, [blame("q", "invalid")]);
    assert_eq!(blamed("q=%ff").await, [blame("q", "invalid")]);
    assert!(gateway.fake.calls("ProjectService/ListTasks").is_empty());
    // A route that takes none says so, too, and services judge the values.
    assert_eq!(gateway.get("/api/v1/me?x=1").await.problem(400, "invalid_request"), [blame("x", "unknown")]);
    let answer = gateway.patch("/api/v1/organizations/acme?force=true", "{}").await;
    assert_eq!(answer.problem(400, "invalid_request"), [blame("force", "unknown")]);
    gateway.fake.on("ProjectService/ListTasks", |request: ListTasksRequest, _| -> Result<ListTasksResponse, _> {
        assert_eq!(request.sort, "-nothing");
        Err(Problem::new(Code::InvalidRequest, "Bad.").with_field("sort", "invalid", "is no key to sort by").into())
    });
    assert_eq!(blamed("sort=-nothing").await, [blame("sort", "invalid")]);
}

#[tokio::test]
async fn badly_encoded_paths() {
    let gateway = Harness::start().await;
    gateway.get("/api/v1/organizations/acme/tasks/%ff").await.problem(400, "invalid_request");
    gateway.get("/api/v1/organizations/acme/tasks/A%00").await.problem(400, "invalid_request");
    // As an organization it is one that does not exist, like any other.
    gateway.get("/api/v1/organizations/%ff").await.problem(404, "not_found");
    gateway.get("/api/v1/organizations/a%00/tasks").await.problem(404, "not_found");
}

#[tokio::test]
async fn heads_beyond_the_limit() {
    let gateway = Harness::start().await;
    let request = ask(Method::GET, "/healthz").header("x-much", &"x".repeat(33 * 1024)).without_body();
    gateway.send(request).await.problem(431, "headers_too_large");
    let request = ask(Method::GET, "/healthz").header("x-much", &"x".repeat(31 * 1024)).without_body();
    assert_eq!(gateway.send(request).await.status, 200);
}

#[tokio::test]
async fn the_request_id_is_the_clients_where_it_is_sane() {
    let gateway = Harness::start().await;
    let id = async |given: Option<&[u8]>| {
        let mut request = Request::builder().uri("/nothing");
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let answer = gateway.send(request.body(Body::empty()).unwrap()).await;
        answer.problem(404, "not_found");
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id(Some(b"abc-123_4.5")).await, "abc-123_4.5");
    for odd in [&b""[..], b"a b", b"\"x\"", b"\xff", &[b'a'; 129]] {
        assert_eq!(id(Some(odd)).await.len(), 32);
    }
    assert_ne!(id(None).await, id(None).await);
}

#[tokio::test]
async fn every_answer_is_protected() {
    let gateway = Harness::start().await;
    for path in ["/healthz", "/nothing", "/api/v1/me", "/docs"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("cache-control").is_some(), "{path}");
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{path}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-permitted-cross-domain-policies", "none"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("permissions-policy").unwrap().contains("camera=()"), "{path}");
        assert!(answer.header("server").is_none(), "{path}");
    }
    let me = gateway.get("/api/v1/me").await;
    assert_eq!(me.header("cache-control"), Some("no-store"));
    assert!(me.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}

#[tokio::test]
async fn browsers_that_came_by_tls_are_told_to_come_by_tls_again() {
    let behind = Harness::with(&[("TRELLIS_TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    let alone = Harness::start().await;
    for (gateway, name, value, told) in [
        (&behind, "x-forwarded-proto", "https", true),
        (&behind, "forwarded", "for=6.6.6.6;proto=https", true),
        (&behind, "x-forwarded-proto", "http", false),
        (&behind, "x-other", "https", false),
        (&alone, "x-forwarded-proto", "https", false),
    ] {
        let answer = gateway.send(ask(Method::GET, "/nothing").header(name, value).without_body()).await;
        let told = told.then_some("max-age=31536000");
        assert_eq!(answer.header("strict-transport-security"), told, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_an_internal_error() {
    async fn panics() {
        panic!("on purpose")
    }
    let gateway = Harness::start().await;
    let layer = from_fn_with_state(Arc::clone(&gateway.gateway), edge::edge);
    let router = Router::new().route("/", get(panics)).layer(layer);
    let answer = Harness::answer(router, ask(Method::GET, "/").without_body()).await;
    answer.problem(500, "internal");
}
