//! Fresh access tokens for clients that cannot refresh, and what a session tells of itself.

use chrono::{DateTime, TimeDelta, Utc};
use tonic::Request;
use trellis_proto::identity::v1::{
    FollowSessionsRequest, GetSessionRequest, GetSessionResponse, LoginRequest, LogoutRequest, RegisterRequest,
    RenewTokenRequest, Tokens,
};
use trellis_rpc::{Problem, convert::datetime};

use crate::world::{PASSWORD, World, as_user, browser, code, registration};

const HALF_A_DAY: u32 = 12 * 60 * 60;
const QUARTER_OF_AN_HOUR: u32 = 15 * 60;

/// Of a client that cannot refresh.
async fn long_login(world: &World) -> Tokens {
    let login = LoginRequest {
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        client: Some(browser()),
        long_lived: true,
    };
    world.client.clone().login(world.as_gateway(login)).await.unwrap().into_inner().tokens.unwrap()
}

async fn renew(world: &World, tokens: &Tokens) -> Result<Tokens, Problem> {
    let answer = world.client.clone().renew_token(as_user(tokens, RenewTokenRequest {})).await?;
    Ok(answer.into_inner().tokens.unwrap())
}

async fn session(world: &World, tokens: &Tokens) -> Result<GetSessionResponse, Problem> {
    Ok(world.client.clone().get_session(as_user(tokens, GetSessionRequest {})).await?.into_inner())
}

fn times(tokens: &Tokens) -> (DateTime<Utc>, DateTime<Utc>) {
    let time = |time| datetime(time).unwrap();
    (time(tokens.session_created_at.as_ref()), time(tokens.session_ends_at.as_ref()))
}

/// When the ended session may be forgotten, as followers hear it.
async fn forget_at(world: &World) -> DateTime<Utc> {
    let request = world.as_gateway(FollowSessionsRequest::default());
    let feed = world.client.clone().follow_sessions(request).await.unwrap().into_inner();
    assert_eq!(feed.revoked.len(), 1);
    datetime(feed.revoked[0].forget_at.as_ref()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_is_one_of_the_same_session() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    world.execute("UPDATE sessions SET last_used_at = now() - interval '3 days'").await;
    let renewed = renew(&world, &first).await.unwrap();
    assert_eq!((renewed.expires_in, renewed.refresh_token.as_str()), (QUARTER_OF_AN_HOUR, ""));
    assert_eq!((&renewed.user, times(&renewed)), (&first.user, times(&first)));
    assert_ne!(renewed.access_token, first.access_token);
    assert!(world.is_signed_in(&renewed).await);
    let used = "SELECT count(*) FROM sessions WHERE last_used_at > now() - interval '1 min' \
                AND user_agent = 'Firefox' AND ip = '192.0.2.1'";
    assert_eq!(world.count(used).await, 1, "it counts as a use, from where is not known anew");
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 1);

    // A chain of them goes on, and ends with the session; its refresh token is untouched by it.
    let third = renew(&world, &renewed).await.unwrap();
    assert!(world.refresh(&first.refresh_token).await.is_ok());
    world.client.clone().logout(as_user(&first, LogoutRequest {})).await.unwrap();
    assert!(!world.is_signed_in(&third).await);
    assert_eq!(renew(&world, &third).await.unwrap_err().code.as_str(), "unauthenticated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_with_tokens_tells_of_the_session() {
    let world = World::start().await;
    let before = Utc::now();
    let registered = world.register("ann@example.com").await.unwrap();
    let (created, ends) = times(&registered);
    assert!(created >= before - TimeDelta::seconds(1) && created <= Utc::now(), "{created}");
    assert_eq!(ends - created, TimeDelta::days(90));
    let told = session(&world, &registered).await.unwrap();
    assert_eq!(told.user, registered.user);
    assert_eq!(
        (told.session_created_at, told.session_ends_at),
        (registered.session_created_at, registered.session_ends_at)
    );

    let logged_in = world.login("ann@example.com", PASSWORD).await.unwrap();
    assert!(times(&logged_in).0 > created, "another session");
    world.execute("UPDATE sessions SET created_at = created_at - interval '1 day', expires_at = expires_at - interval '1 day'").await;
    let refreshed = world.refresh(&logged_in.refresh_token).await.unwrap();
    let (created, ends) = times(&logged_in);
    let day = TimeDelta::days(1);
    assert_eq!(times(&refreshed), (created - day, ends - day), "as it is stored");
    assert_eq!(times(&renew(&world, &logged_in).await.unwrap()), (created - day, ends - day));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_says_of_the_session_counts() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    for over in [
        "UPDATE sessions SET revoked_at = now(), revoked_seq = 1",
        "UPDATE sessions SET expires_at = now() - interval '1 s'",
        "UPDATE sessions SET last_used_at = now() - interval '30 days'",
        "DELETE FROM sessions",
    ] {
        let tokens = world.login("ann@example.com", PASSWORD).await.unwrap();
        assert!(renew(&world, &tokens).await.is_ok() && session(&world, &tokens).await.is_ok());
        // Nothing follows this: the token itself still verifies.
        world.execute(over).await;
        assert_eq!(renew(&world, &tokens).await.unwrap_err().code.as_str(), "unauthenticated", "{over}");
        assert_eq!(session(&world, &tokens).await.unwrap_err().code.as_str(), "unauthenticated", "{over}");
        world.execute("DELETE FROM sessions").await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_outlasts_its_session() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    world.execute("UPDATE sessions SET expires_at = now() + interval '10 min'").await;
    let renewed = renew(&world, &tokens).await.unwrap();
    assert!((590..=600).contains(&renewed.expires_in), "{}", renewed.expires_in);
    let refreshed = world.refresh(&tokens.refresh_token).await.unwrap();
    assert!((590..=600).contains(&refreshed.expires_in), "{}", refreshed.expires_in);
    assert!(world.is_signed_in(&renewed).await && world.is_signed_in(&refreshed).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_remembered_until_the_renewed_token_expires() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    world.execute("DELETE FROM sessions").await;
    let tokens = long_login(&world).await;
    world.execute("UPDATE sessions SET access_expires_at = now()").await;
    let before = Utc::now();
    let renewed = renew(&world, &tokens).await.unwrap();
    // A shorter one that comes later takes nothing away.
    world.refresh(&tokens.refresh_token).await.unwrap();
    world.client.clone().logout(as_user(&renewed, LogoutRequest {})).await.unwrap();
    let lasts = forget_at(&world).await - before;
    assert!(lasts > TimeDelta::hours(12) && lasts < TimeDelta::hours(12) + TimeDelta::minutes(2), "{lasts}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_while_renewing_leaves_no_token() {
    let world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    for _ in 0..10 {
        world.execute("DELETE FROM sessions").await;
        let tokens = long_login(&world).await;
        world.execute("UPDATE sessions SET access_expires_at = now()").await;
        let mut client = world.client.clone();
        let (renewed, ended) = tokio::join!(renew(&world, &tokens), client.logout(as_user(&tokens, LogoutRequest {})));
        ended.unwrap();
        match renewed {
            Ok(renewed) => {
                assert!(!world.is_signed_in(&renewed).await);
                assert!(forget_at(&world).await > Utc::now() + TimeDelta::hours(11), "remembered long enough");
            }
            Err(problem) => assert_eq!(problem.code.as_str(), "unauthenticated"),
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_renews_to_tokens_of_its_own_kind() {
    let world = World::start().await;
    let short = world.register("ann@example.com").await.unwrap();
    let registered = RegisterRequest { long_lived: true, ..registration("bob@example.com") };
    let long = [long_login(&world).await, world.register_as(registered).await.unwrap()];
    let login = world.login("ann@example.com", PASSWORD).await.unwrap();
    let refreshed = world.refresh(&login.refresh_token).await.unwrap();
    for (tokens, lasts) in [
        (&short, QUARTER_OF_AN_HOUR),
        (&login, QUARTER_OF_AN_HOUR),
        (&refreshed, QUARTER_OF_AN_HOUR),
        (&long[0], HALF_A_DAY),
        (&long[1], HALF_A_DAY),
    ] {
        assert_eq!(tokens.expires_in, lasts);
        let mut renewed = renew(&world, tokens).await.unwrap();
        for _ in 0..2 {
            assert_eq!((renewed.expires_in, renewed.refresh_token.as_str()), (lasts, ""));
            assert_eq!(times(&renewed), times(tokens));
            renewed = renew(&world, &renewed).await.unwrap();
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_renew_and_ask() {
    let world = World::start().await;
    for request in [Request::new(RenewTokenRequest {}), world.as_gateway(RenewTokenRequest {})] {
        let status = world.client.clone().renew_token(request).await.unwrap_err();
        assert_eq!(code(&status), "unauthenticated");
    }
    for request in [Request::new(GetSessionRequest {}), world.as_gateway(GetSessionRequest {})] {
        let status = world.client.clone().get_session(request).await.unwrap_err();
        assert_eq!(code(&status), "unauthenticated");
    }
    world.end().await;
}
