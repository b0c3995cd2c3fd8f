//! The token that lasts: what it opens, how it is renewed and looked at, and what ends it.

use serde_json::{Value, json};
use trellis_tests::{Answer, PASSWORD, Session};

use super::{LOGIN, ended, session, world};

const TOKEN_AUTH: &str = "mutation TokenAuth($email: String!, $password: String!) {
  tokenAuth(email: $email, password: $password) { token payload refreshExpiresIn } }";
const VERIFY: &str = "mutation VerifyToken($token: String) { verifyToken(token: $token) { payload } }";
const REFRESH: &str =
    "mutation RefreshToken($token: String) { refreshToken(token: $token) { token payload refreshExpiresIn } }";

/// A top-level error beside the null field, by its code and message.
#[track_caller]
fn refused(answer: Answer, code: &str, message: &str) {
    assert_eq!(answer.refused(), (code.to_owned(), message.to_owned()));
}

#[tokio::test]
async fn token_auth_gives_a_token_that_lasts() {
    let w = world().await;
    let graph = w.api.graph();
    let got = graph.field(TOKEN_AUTH, json!({"email": w.ada.email(), "password": PASSWORD})).await;
    let payload = &got["payload"];
    assert_eq!(payload["email"], w.ada.email());
    let seconds = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no seconds: {got}"));
    let lasts = seconds(&payload["exp"]) - seconds(&payload["origIat"]);
    assert!((43_100..=43_300).contains(&lasts), "it lasts 12 hours: {lasts} s");
    assert!(seconds(&got["refreshExpiresIn"]) > seconds(&payload["exp"]));
    let me = graph.jwt(got["token"].as_str().unwrap()).field("{ me { id } }", json!({})).await;
    assert_eq!(me["id"], w.ada.id());

    for (email, password) in [(w.ada.email(), "not-the-passphrase"), ("nobody@example.test", PASSWORD), ("", "")] {
        let answer = graph.post(TOKEN_AUTH, json!({"email": email, "password": password})).await;
        refused(answer, "invalid_credentials", "Please enter valid credentials");
    }
}

#[tokio::test]
async fn a_token_is_verified_as_argument_or_as_the_requests_own() {
    let w = world().await;
    let graph = w.api.graph();
    let given = graph.field(VERIFY, json!({"token": w.ada.token})).await;
    assert_eq!(given["payload"]["email"], w.ada.email());
    let own = graph.jwt(&w.ada.token).field("mutation { verifyToken { payload } }", json!({})).await;
    assert_eq!(own, given);
    // The argument counts before the header.
    let other = w.ben.graph().field(VERIFY, json!({"token": w.ada.token})).await;
    assert_eq!(other, given);

    let bad = graph.post(VERIFY, json!({"token": "nonsense"})).await;
    refused(bad, "unauthenticated", "Error decoding signature");
    let forged = format!("{}x", &w.ada.token[..w.ada.token.len() - 4]);
    refused(graph.post(VERIFY, json!({"token": forged})).await, "unauthenticated", "Error decoding signature");
    refused(graph.post(VERIFY, json!({})).await, "unauthenticated", "Token is required");
    refused(graph.post(VERIFY, json!({"token": null})).await, "unauthenticated", "Token is required");
}

#[tokio::test]
async fn a_token_is_renewed_within_its_session() {
    let w = world().await;
    let graph = w.api.graph();
    let fresh = graph.field(REFRESH, json!({"token": w.ada.token})).await;
    assert_eq!(fresh["payload"]["email"], w.ada.email());
    let own = w.ada.graph().field("mutation { refreshToken { token payload refreshExpiresIn } }", json!({})).await;
    assert_eq!(own["refreshExpiresIn"], fresh["refreshExpiresIn"], "the session ends when it ends");
    assert_eq!(own["payload"]["origIat"], fresh["payload"]["origIat"]);
    refused(graph.post(REFRESH, json!({"token": "nonsense"})).await, "unauthenticated", "Error decoding signature");
    refused(graph.post(REFRESH, json!({})).await, "unauthenticated", "Token is required");

    // One session: the end of one token is the end of the other.
    let payload = json!({"token": fresh["token"], "user": w.ada.user});
    let second = session(&w.api, &payload);
    assert_eq!(second.graph().field("{ me { id } }", json!({})).await["id"], w.ada.id());
    second.post("/auth/logout", json!({})).await;
    ended(&w.ada).await;
    ended(&second).await;
    let answer = graph.post(REFRESH, json!({"token": w.ada.token})).await;
    assert_eq!(answer.refused().0, "unauthenticated");
}

#[tokio::test]
async fn logout_and_a_new_password_end_the_token() {
    let w = world().await;
    let login = async |person: &Session, password: &str| {
        let input = json!({"email": person.email(), "password": password});
        session(&w.api, &w.api.graph().done(LOGIN, json!({"input": input})).await)
    };
    let (first, second) = (login(&w.ben, PASSWORD).await, login(&w.ben, PASSWORD).await);
    first.graph().done("mutation { logout { success errors } }", json!({})).await;
    ended(&first).await;
    // Another session of the same person goes on.
    second.graph().field("{ me { id } }", json!({})).await;

    let change = json!({"current_password": PASSWORD, "new_password": "another-long-passphrase"});
    second.post("/me/password", change).await.expect(204);
    ended(&w.ben).await;
    second.graph().field("{ me { id } }", json!({})).await;
    login(&w.ben, "another-long-passphrase").await;
}
