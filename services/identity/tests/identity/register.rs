//! Registering alone.

use futures_util::future::join_all;
use tonic::Request;
use trellis_proto::identity::v1::{BatchGetUsersRequest, GetMeRequest, RegisterRequest};
use trellis_rpc::Code;

use crate::world::{PASSWORD, World, as_user, code, fields, registration};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_is_signed_in() {
    let world = World::start().await;
    let request = RegisterRequest { name: "  Änne Müller ".into(), ..registration("  Anne@Example.com ") };
    let tokens = world.register_as(request).await.unwrap();
    let user = tokens.user.clone().unwrap();
    assert_eq!((user.email.as_str(), user.name.as_str()), ("Anne@Example.com", "Änne Müller"));
    assert_eq!(tokens.expires_in, 900);
    let me = world.client.clone().get_me(as_user(&tokens, GetMeRequest {})).await.unwrap();
    assert_eq!(me.into_inner().user, Some(user));
    assert!(world.login("anne@example.COM ", PASSWORD).await.is_ok());

    // Nothing that is stored can be used.
    let stored: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(&world.pool).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(world.count("SELECT count(*) FROM sessions WHERE user_agent = 'Firefox' AND ip = '192.0.2.1'").await, 2);
    assert!(world.org.joins().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_told_at_once() {
    let world = World::start().await;
    let refused = |email: &str, password: &str, name: &str| {
        let request =
            RegisterRequest { email: email.into(), password: password.into(), name: name.into(), ..registration("") };
        let answer = world.register_as(request);
        async { answer.await.unwrap_err() }
    };
    let long = "x".repeat(300);
    let problem = refused("nobody", "short", "  ").await;
    assert_eq!(problem.code, Code::ValidationFailed);
    assert_eq!(fields(&problem), [("email", "invalid"), ("password", "too_short"), ("name", "blank")]);
    let problem = refused(&long, &long, &long).await;
    assert_eq!(fields(&problem), [("email", "too_long"), ("password", "too_long"), ("name", "too_long")]);
    let problem = refused("", "", "").await;
    assert_eq!(fields(&problem), [("email", "required"), ("password", "required"), ("name", "required")]);
    let problem = refused("a\0@example.com", "abcdefgh\0", "a\0").await;
    assert_eq!(fields(&problem), [("email", "invalid"), ("password", "invalid"), ("name", "invalid")]);
    let problem = refused("a@example.com", "Password1", "Ann").await;
    assert_eq!(fields(&problem), [("password", "too_common")]);
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_has_one_user_whatever_its_case_and_however_many_try() {
    let world = World::start().await;
    let emails = ["ann@example.com", "ANN@example.com", "Ann@Example.Com", " ann@EXAMPLE.com", "ann@example.com"];
    let answers = join_all(emails.map(|email| world.register(email))).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), emails.len() - 1);
    for problem in refused {
        assert_eq!((problem.code, problem.resource.as_str()), (Code::AlreadyExists, "user"));
        assert_eq!(fields(problem), [("email", "already_exists")]);
    }
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM sessions").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_an_email_is_spelled_it_is_one_login_name() {
    let world = World::start().await;
    let spellings = [
        "José@exämple.org",
        // Decomposed, upper case, the domain as resolvers know it, space around it.
        "Jose\u{301}@exa\u{308}mple.org",
        "JOSE\u{301}@EXÄMPLE.ORG",
        "josé@xn--exmple-cua.org",
        "\u{a0} José@exämple.org\n",
    ];
    let user = world.register(spellings[1]).await.unwrap().user.unwrap();
    assert_eq!(user.email, spellings[0]);
    for spelling in spellings {
        assert_eq!(world.register(spelling).await.unwrap_err().code, Code::AlreadyExists, "{spelling:?}");
        assert_eq!(world.login(spelling, PASSWORD).await.unwrap().user.unwrap().id, user.id, "{spelling:?}");
        let request = BatchGetUsersRequest { ids: Vec::new(), emails: vec![spelling.to_owned()] };
        let found = world.client.clone().batch_get_users(world.as_gateway(request)).await.unwrap().into_inner().users;
        assert_eq!(found.len(), 1, "{spelling:?}");
    }
    // What looks like it and is not cannot be registered.
    assert_eq!(fields(&world.register("José\u{200b}@exämple.org").await.unwrap_err()), [("email", "invalid")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_services_register_users() {
    let world = World::start().await;
    let mut client = world.client.clone();
    let status = client.register(Request::new(registration("ann@example.com"))).await.unwrap_err();
    assert_eq!(code(&status), "unauthenticated");
    let tokens = world.register("ann@example.com").await.unwrap();
    let status = client.register(as_user(&tokens, registration("bob@example.com"))).await.unwrap_err();
    assert_eq!(code(&status), "forbidden");
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_cannot_refresh_get_a_longer_token() {
    let world = World::start().await;
    let request = RegisterRequest { long_lived: true, ..registration("ann@example.com") };
    assert_eq!(world.register_as(request).await.unwrap().expires_in, 12 * 60 * 60);
    let remembered = "SELECT count(*) FROM sessions WHERE access_expires_at > now() + interval '11 h'";
    assert_eq!(world.count(remembered).await, 1);
    world.end().await;
}
