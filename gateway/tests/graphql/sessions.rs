//! Registering, logging in, refreshing, logging out.

use serde_json::{Value, json};
use tonic::Status;
use trellis_proto::identity::v1::{
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, RefreshRequest, RefreshResponse, RegisterRequest,
    RegisterResponse, Tokens, UpdateMeRequest, UpdateMeResponse, User,
};
use trellis_rpc::{Code, Problem, Violations};

use crate::{
    gateway::{ANN, token},
    world::{OUTCOME, World, ann, signed_out, with_token},
};

const REGISTER_USER: &str = r#"mutation($slug: String!, $invitation: String) {
    registerUser(input: {
        email: "ann@example.org", password: "correct horse", name: "Ann", organizationSlug: $slug,
        invitationToken: $invitation
    }) { success errors user { id email name } token }
}"#;
const LOGIN_USER: &str = r#"mutation {
    loginUser(input: { email: "ann@example.org", password: "correct horse" }) {
        success errors user { id email name } token
    }
}"#;

fn user() -> User {
    User { id: ANN.to_string(), email: "ann@example.org".into(), name: "Ann New".into(), created_at: None }
}

fn tokens() -> Tokens {
    Tokens {
        user: Some(user()),
        access_token: "access".into(),
        expires_in: 900,
        refresh_token: "refresh".into(),
        ..Tokens::default()
    }
}

fn done() -> Value {
    json!({
        "success": true, "errors": [],
        "user": { "id": ANN.to_string(), "email": "ann@example.org", "name": "Ann New" }, "token": "access",
    })
}

fn refused(sentence: &str) -> Value {
    json!({ "success": false, "errors": [sentence], "user": null, "token": null })
}

#[tokio::test]
async fn registering_gives_a_token_that_lasts() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/Register", |_: RegisterRequest, call| {
        assert_eq!(call.user, None, "the gateway asks in its own name");
        Ok(RegisterResponse { tokens: Some(tokens()) })
    });
    // A token that is not good is no matter here.
    let stale = with_token(token(ANN, -60));
    assert_eq!(world.payload(stale, REGISTER_USER, json!({ "slug": "acme", "invitation": "" })).await, done());
    let asked: RegisterRequest = world.harness.fake.asked("IdentityService/Register");
    assert!(asked.long_lived);
    assert_eq!(asked.organization_slug.as_deref(), Some("acme"));
    assert_eq!(asked.invitation_token, None);
    assert_eq!(asked.client.unwrap().ip, "192.0.2.7");
    let known = world.harness.gateway.people.find([&*ANN.to_string()]).await;
    assert_eq!(known.person(&ANN.to_string()).name, "Ann New");

    world.payload(signed_out(), REGISTER_USER, json!({ "slug": "", "invitation": "t" })).await;
    let asked: RegisterRequest = world.harness.fake.asked("IdentityService/Register");
    assert_eq!(asked.organization_slug.as_deref(), Some(""), "no organization's slug, and not none");
    assert_eq!(asked.invitation_token.as_deref(), Some("t"));
}

#[tokio::test]
async fn registering_is_refused_in_the_words_of_the_original() {
    let world = World::start().await;
    let taken = Problem::new(Code::AlreadyExists, "A user with this e-mail already exists.")
        .with_field("email", "already_exists", "is already registered")
        .with_resource("user");
    let not_invited = Problem::new(Code::InvitationRequired, "Joining needs an invitation.");
    for (problem, sentence) in [(taken, "User with this email already exists"), (not_invited, "Organization not found")]
    {
        world.harness.fake.on("IdentityService/Register", move |_: RegisterRequest, _| {
            Err::<RegisterResponse, _>(Status::from(problem.clone()))
        });
        assert_eq!(world.payload(signed_out(), REGISTER_USER, json!({ "slug": "acme" })).await, refused(sentence));
    }
}

#[tokio::test]
async fn logging_in_gives_a_token_that_lasts() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/Login", |_: LoginRequest, _| Ok(LoginResponse { tokens: Some(tokens()) }));
    assert_eq!(world.payload(with_token("stale"), LOGIN_USER, json!({})).await, done());
    assert!(world.harness.fake.asked::<LoginRequest>("IdentityService/Login").long_lived);
}

#[tokio::test]
async fn wrong_credentials_are_one_answer() {
    let world = World::start().await;
    let mut violations = Violations::new();
    violations.push("password", "required", "must be given");
    let wrong = Problem::new(Code::InvalidCredentials, "The e-mail or the password is wrong.");
    for problem in [wrong, violations.finish().unwrap_err()] {
        world.harness.fake.on("IdentityService/Login", move |_: LoginRequest, _| {
            Err::<LoginResponse, _>(Status::from(problem.clone()))
        });
        assert_eq!(world.payload(signed_out(), LOGIN_USER, json!({})).await, refused("Invalid credentials"));
    }
}

#[tokio::test]
async fn sessions_that_are_refreshed() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("IdentityService/Register", |_: RegisterRequest, _| Ok(RegisterResponse { tokens: Some(tokens()) }));
    fake.on("IdentityService/Login", |_: LoginRequest, _| Ok(LoginResponse { tokens: Some(tokens()) }));
    fake.on("IdentityService/Refresh", |request: RefreshRequest, _| {
        assert_eq!(request.refresh_token, "spent");
        Ok(RefreshResponse { tokens: Some(tokens()) })
    });
    let selection = "success errors tokens { accessToken tokenType expiresIn refreshToken user { id } }";
    let expected = json!({
        "success": true, "errors": [],
        "tokens": {
            "accessToken": "access", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh",
            "user": { "id": ANN.to_string() },
        },
    });
    for field in [
        r#"register(input: { email: "ann@example.org", password: "correct horse", name: "Ann", organizationSlug: "" })"#,
        r#"login(input: { email: "ann@example.org", password: "correct horse" })"#,
        r#"refresh(refreshToken: "spent")"#,
    ] {
        let query = format!("mutation {{ {field} {{ {selection} }} }}");
        assert_eq!(world.payload(signed_out(), &query, json!({})).await, expected, "{field}");
    }
    let registered: RegisterRequest = fake.asked("IdentityService/Register");
    assert_eq!((registered.long_lived, registered.organization_slug), (false, None));
    assert!(!fake.asked::<LoginRequest>("IdentityService/Login").long_lived);
}

#[tokio::test]
async fn logging_out_ends_the_session_of_the_token() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/Logout", |_: LogoutRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(LogoutResponse {})
    });
    let query = format!("mutation {{ logout {{ {OUTCOME} }} }}");
    let done = json!({ "success": true, "errors": [], "userErrors": [] });
    assert_eq!(world.payload(ann(), &query, json!({})).await, done);
    assert_eq!(world.payload(signed_out(), &query, json!({})).await["success"], false);
}

#[tokio::test]
async fn a_new_name_is_known_at_once() {
    let world = World::start().await;
    world.harness.fake.on("IdentityService/UpdateMe", |request: UpdateMeRequest, _| {
        Ok(UpdateMeResponse { user: Some(User { name: request.name.unwrap(), ..user() }) })
    });
    let query = r#"mutation { updateMe(input: { name: "Anna" }) { success user { name } } }"#;
    assert_eq!(world.payload(ann(), query, json!({})).await, json!({ "success": true, "user": { "name": "Anna" } }));
    let known = world.harness.gateway.people.find([&*ANN.to_string()]).await;
    assert_eq!(known.person(&ANN.to_string()).name, "Anna");
}
