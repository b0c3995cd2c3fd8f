//! Which process may call what, and that nothing but a verified token says who calls.

use tonic::Request;
use trellis_authn::{ServiceKey, ServiceName};
use trellis_proto::{
    identity::v1::{
        BatchGetUsersRequest, ChangePasswordRequest, FollowSessionsRequest, GetMeRequest, LoginRequest, RefreshRequest,
    },
    org::v1::JoinRequest,
};

use crate::world::{PASSWORD, World, as_user, browser, code, registration};

/// What a process is told that calls each RPC which services call.
async fn told(world: &World, key: &ServiceKey) -> [(&'static str, &'static str); 5] {
    let mut client = world.client.clone();
    let as_code = |answer: Result<(), tonic::Status>| answer.err().map_or("ok", |status| code(&status));
    let email = format!("{}@example.com", key.name());
    let register = registration(&email);
    let login =
        LoginRequest { email: "ann@example.com".into(), password: PASSWORD.into(), client: None, long_lived: false };
    let refresh = RefreshRequest { refresh_token: "A".repeat(43), client: None };
    [
        ("Register", as_code(client.register(key.request(register)).await.map(drop))),
        ("Login", as_code(client.login(key.request(login)).await.map(drop))),
        ("Refresh", as_code(client.refresh(key.request(refresh)).await.map(drop))),
        (
            "BatchGetUsers",
            as_code(client.batch_get_users(key.request(BatchGetUsersRequest::default())).await.map(drop)),
        ),
        (
            "FollowSessions",
            as_code(client.follow_sessions(key.request(FollowSessionsRequest::default())).await.map(drop)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_calls_what_it_needs_and_no_more() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    for key in &world.keys {
        let (signs_in, looks_up) = match key.name() {
            ServiceName::Gateway => (true, "ok"),
            ServiceName::Org | ServiceName::Project => (false, "ok"),
            // What it knows itself it does not ask for.
            ServiceName::Identity => (false, "forbidden"),
        };
        let or_forbidden = |answer| if signs_in { answer } else { "forbidden" };
        let wanted = [
            ("Register", or_forbidden("ok")),
            ("Login", or_forbidden("ok")),
            ("Refresh", or_forbidden("unauthenticated")),
            ("BatchGetUsers", looks_up),
            ("FollowSessions", looks_up),
        ];
        assert_eq!(told(&world, key).await, wanted, "{}", key.name());
    }
    // Nobody was registered by who may not.
    assert_eq!(world.count("SELECT count(*) FROM users").await, 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_service_is_worth_nothing_here() {
    let world = World::start().await;
    // As org is shown it by the gateway: a service that was broken into cannot sign in with it as the gateway.
    let shown = world.gateway.request(JoinRequest::default());
    let shown = shown.metadata().get("authorization").unwrap().clone();
    let mut request = Request::new(LoginRequest {
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        client: Some(browser()),
        long_lived: false,
    });
    request.metadata_mut().insert("authorization", shown);
    let refused = world.client.clone().login(request).await.unwrap_err();
    assert_eq!(code(&refused), "unauthenticated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_names_a_user_or_a_service_is_nothing() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    let bob = world.register("bob@example.com").await.unwrap();
    let id = |tokens: &trellis_proto::identity::v1::Tokens| tokens.user.clone().unwrap().id;
    let names =
        ["x-user-id", "x-user", "x-auth-request-user", "trellis-user", "trellis-user-id", "trellis-caller", "sub"];
    let service = ["trellis-service", "x-service", "x-forwarded-user", "x-forwarded-for"];
    let claim = |request: &mut Request<GetMeRequest>| {
        for name in names {
            request.metadata_mut().insert(name, id(&bob).parse().unwrap());
        }
        for name in service {
            request.metadata_mut().insert(name, "gateway".parse().unwrap());
        }
    };
    let mut client = world.client.clone();
    let mut request = Request::new(GetMeRequest {});
    claim(&mut request);
    assert_eq!(code(&client.get_me(request).await.unwrap_err()), "unauthenticated");
    // Beside a token the token counts.
    let mut request = as_user(&ann, GetMeRequest {});
    claim(&mut request);
    assert_eq!(client.get_me(request).await.unwrap().into_inner().user.unwrap().id, id(&ann));
    let mut request = as_user(
        &ann,
        ChangePasswordRequest { current_password: PASSWORD.into(), new_password: "another horse altogether".into() },
    );
    request.metadata_mut().insert("x-user-id", id(&bob).parse().unwrap());
    client.change_password(request).await.unwrap();
    assert!(world.login("bob@example.com", PASSWORD).await.is_ok(), "not bob's");
    world.end().await;
}
