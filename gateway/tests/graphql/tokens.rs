//! `tokenAuth`, `refreshToken`, `verifyToken`.

use prost_types::Timestamp;
use serde_json::{Value, json};
use tonic::Status;
use trellis_proto::identity::v1::{
    GetSessionRequest, GetSessionResponse, LoginRequest, LoginResponse, RenewTokenRequest, RenewTokenResponse, Tokens,
    User,
};
use trellis_rpc::{Code, Problem};

use crate::{
    gateway::{ANN, EVE, token},
    world::{World, ann, signed_out, with_token},
};

const TOKEN_AUTH: &str = r#"mutation { tokenAuth(email: "ann@example.org", password: "correct horse") {
    token payload refreshExpiresIn
} }"#;
const REFRESH: &str = "mutation($token: String) { refreshToken(token: $token) { token payload refreshExpiresIn } }";
const VERIFY: &str = "mutation($token: String) { verifyToken(token: $token) { payload } }";

fn user() -> User {
    User { id: ANN.to_string(), email: "ann@example.org".into(), name: "Ann".into(), created_at: None }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 500_000_000 }
}

fn tokens() -> Tokens {
    Tokens {
        user: Some(user()),
        access_token: token(ANN, 43_200),
        expires_in: 43_200,
        refresh_token: String::new(),
        session_created_at: Some(time(1_700_000_000)),
        session_ends_at: Some(time(1_707_776_000)),
    }
}

/// What a token says of itself.
fn expires_at(world: &World, token: &str) -> i64 {
    world.harness.gateway.sessions.verify(token).unwrap().expires_at
}

#[track_caller]
fn assert_issued(world: &World, issued: &Value) {
    let token = issued["token"].as_str().unwrap();
    let payload = json!({ "email": "ann@example.org", "exp": expires_at(world, token), "origIat": 1_700_000_000 });
    assert_eq!(issued["payload"], payload);
    assert_eq!(issued["refreshExpiresIn"], 1_707_776_000);
}

#[track_caller]
fn assert_refused(response: &Value, field: &str, code: &str, message: &str) {
    assert_eq!(response["data"], json!({ field: null }), "{response}");
    assert_eq!(response["errors"][0]["message"], message, "{response}");
    assert_eq!(response["errors"][0]["extensions"]["code"], code, "{response}");
    assert_eq!(response["errors"].as_array().unwrap().len(), 1, "{response}");
}

#[tokio::test]
async fn a_token_by_password() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/Login", |request: LoginRequest, _| {
        assert!(request.long_lived);
        Ok(LoginResponse { tokens: Some(tokens()) })
    });
    assert_issued(&world, &world.payload(signed_out(), TOKEN_AUTH, json!({})).await);

    for code in [Code::InvalidCredentials, Code::ValidationFailed] {
        world.harness.fake.on("IdentityService/Login", move |_: LoginRequest, _| {
            Err::<LoginResponse, _>(Status::from(Problem::new(code, "As the service says it.")))
        });
        let response = world.respond(signed_out(), TOKEN_AUTH, json!({})).await;
        assert_refused(&response, "tokenAuth", "invalid_credentials", "Please enter valid credentials");
    }
}

#[tokio::test]
async fn a_fresh_token_for_the_one_that_is_given_or_the_requests_own() {
    let world = World::start().await;
    world
        .harness
        .fake
        .on("IdentityService/RenewToken", |_: RenewTokenRequest, _| Ok(RenewTokenResponse { tokens: Some(tokens()) }));
    let asked_by = || world.harness.fake.calls("IdentityService/RenewToken").last().unwrap().user;

    assert_issued(&world, &world.payload(ann(), REFRESH, json!({})).await);
    assert_eq!(asked_by(), Some(ANN));
    let given = json!({ "token": token(EVE, 600) });
    assert_issued(&world, &world.payload(ann(), REFRESH, given).await);
    assert_eq!(asked_by(), Some(EVE), "the token that is given is meant");
    assert_issued(&world, &world.payload(ann(), REFRESH, json!({ "token": null })).await);
    assert_eq!(asked_by(), Some(ANN));
}

#[tokio::test]
async fn what_a_token_says() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/GetSession", |_: GetSessionRequest, _| {
        Ok(GetSessionResponse {
            user: Some(user()),
            session_created_at: Some(time(1_700_000_000)),
            session_ends_at: Some(time(1_707_776_000)),
        })
    });
    let token = token(ANN, 600);
    let payload = json!({ "email": "ann@example.org", "exp": expires_at(&world, &token), "origIat": 1_700_000_000 });
    let given = json!({ "token": token });
    assert_eq!(world.payload(signed_out(), VERIFY, given).await, json!({ "payload": payload }));
    assert_eq!(world.payload(with_token(token), VERIFY, json!({})).await, json!({ "payload": payload }));
}

#[tokio::test]
async fn tokens_that_are_not_good() {
    let world = World::start().await;
    for (query, field) in [(REFRESH, "refreshToken"), (VERIFY, "verifyToken")] {
        let response = world.respond(signed_out(), query, json!({})).await;
        assert_refused(&response, field, "unauthenticated", "Token is required");
        for bad in ["", "nonsense", "a.b.c"] {
            // Also where the request's own would be good.
            let response = world.respond(ann(), query, json!({ "token": bad })).await;
            assert_refused(&response, field, "unauthenticated", "Error decoding signature");
        }
        let response = world.respond(with_token("nonsense"), query, json!({})).await;
        assert_refused(&response, field, "unauthenticated", "Error decoding signature");
        let response = world.respond(signed_out(), query, json!({ "token": token(ANN, -60) })).await;
        assert_refused(&response, field, "token_expired", "Signature has expired");
    }
}

#[tokio::test]
async fn a_session_that_ended_just_now() {
    let world = World::start().await;
    let ended = || Status::from(Problem::new(Code::Unauthenticated, "Please sign in."));
    world
        .harness
        .fake
        .on("IdentityService/RenewToken", move |_: RenewTokenRequest, _| Err::<RenewTokenResponse, _>(ended()));
    world
        .harness
        .fake
        .on("IdentityService/GetSession", move |_: GetSessionRequest, _| Err::<GetSessionResponse, _>(ended()));
    for (query, field) in [(REFRESH, "refreshToken"), (VERIFY, "verifyToken")] {
        let response = world.respond(ann(), query, json!({})).await;
        assert_refused(&response, field, "unauthenticated", "Error decoding signature");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/Login", |_: LoginRequest, _| {
        Err::<LoginResponse, _>(Status::from(Problem::unavailable("Not at the moment.")))
    });
    let response = world.respond(signed_out(), TOKEN_AUTH, json!({})).await;
    assert_refused(&response, "tokenAuth", "unavailable", "Not at the moment.");
}
