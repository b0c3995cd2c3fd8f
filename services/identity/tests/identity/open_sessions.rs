//! Where one is logged in, and ending that.

use tonic::Request;
use trellis_proto::identity::v1::{
    ClientInfo, ListSessionsRequest, LoginRequest, LogoutRequest, RevokeOtherSessionsRequest, RevokeSessionRequest,
    Session, Tokens,
};
use trellis_rpc::{Problem, convert::datetime};
use uuid::Uuid;

use crate::world::{PASSWORD, World, as_user, browser, code};

const EVENTS: &str = "SELECT count(*) FROM event_log WHERE kind = 'session.revoked'";

async fn list(world: &World, tokens: &Tokens) -> Result<Vec<Session>, Problem> {
    let answer = world.client.clone().list_sessions(as_user(tokens, ListSessionsRequest::default())).await?;
    Ok(answer.into_inner().sessions)
}

async fn revoke(world: &World, tokens: &Tokens, id: &str) -> Result<(), Problem> {
    let request = as_user(tokens, RevokeSessionRequest { id: id.into() });
    world.client.clone().revoke_session(request).await?;
    Ok(())
}

async fn revoke_others(world: &World, tokens: &Tokens) -> Result<u32, Problem> {
    let request = as_user(tokens, RevokeOtherSessionsRequest {});
    Ok(world.client.clone().revoke_other_sessions(request).await?.into_inner().ended)
}

async fn login_from(world: &World, user_agent: &str, ip: &str) -> Tokens {
    let request = LoginRequest {
        email: "ann@example.com".into(),
        password: PASSWORD.into(),
        client: Some(ClientInfo { user_agent: user_agent.into(), ip: ip.into() }),
        long_lived: false,
    };
    world.client.clone().login(world.as_gateway(request)).await.unwrap().into_inner().tokens.unwrap()
}

async fn current(world: &World, tokens: &Tokens) -> String {
    let sessions = list(world, tokens).await.unwrap();
    sessions.into_iter().find(|session| session.current).unwrap().id
}

fn agents(sessions: &[Session]) -> Vec<&str> {
    sessions.iter().map(|session| session.user_agent.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_where_one_is_logged_in_the_last_used_first() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    world.register("eve@example.com").await.unwrap();
    let phone = login_from(&world, "Phone", "2001:db8::1").await;
    login_from(&world, "Tablet", "192.0.2.3").await;
    let sessions = list(&world, &phone).await.unwrap();
    assert_eq!(agents(&sessions), ["Tablet", "Phone", "Firefox"], "nobody else's");
    let shown: Vec<_> = sessions.iter().map(|session| (session.ip.as_str(), session.current)).collect();
    assert_eq!(shown, [("192.0.2.3", false), ("2001:db8::1", true), (browser().ip.as_str(), false)]);
    let firefox = &sessions[2];
    assert_eq!((firefox.created_at, firefox.expires_at), (first.session_created_at, first.session_ends_at));
    assert_eq!(firefox.last_used_at, firefox.created_at);

    // A use of it, from where it is used now.
    world.refresh(&first.refresh_token).await.unwrap();
    let sessions = list(&world, &first).await.unwrap();
    assert_eq!(agents(&sessions), ["Firefox", "Tablet", "Phone"]);
    assert!(sessions[0].current);
    assert!(datetime(sessions[0].last_used_at.as_ref()) > datetime(sessions[0].created_at.as_ref()));

    // What is over is not there, swept or not.
    for over in [
        "UPDATE sessions SET revoked_at = now(), revoked_seq = 1 WHERE user_agent = 'Tablet'",
        "UPDATE sessions SET expires_at = now() - interval '1 s' WHERE user_agent = 'Tablet'",
        "UPDATE sessions SET last_used_at = now() - interval '30 days' WHERE user_agent = 'Tablet'",
    ] {
        world.execute("DELETE FROM sessions WHERE user_agent = 'Tablet'").await;
        login_from(&world, "Tablet", "192.0.2.3").await;
        assert_eq!(list(&world, &first).await.unwrap().len(), 3);
        world.execute(over).await;
        assert_eq!(agents(&list(&world, &first).await.unwrap()), ["Firefox", "Phone"], "{over}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_ends_everywhere_and_others_go_on() {
    let mut world = World::start().await;
    let mut other = world.add_replica().await;
    let here = world.register("ann@example.com").await.unwrap();
    let there = login_from(&world, "Phone", "192.0.2.2").await;
    let third = login_from(&world, "Tablet", "192.0.2.3").await;
    let id = current(&world, &there).await;
    revoke(&world, &here, &id).await.unwrap();
    assert!(!world.is_signed_in(&there).await);
    assert!(world.is_signed_in(&here).await && world.is_signed_in(&third).await);
    assert_eq!(world.refresh(&there.refresh_token).await.unwrap_err().code.as_str(), "unauthenticated");
    assert!(world.refresh(&third.refresh_token).await.is_ok());
    assert!(list(&world, &here).await.unwrap().iter().all(|session| session.id != id));

    // By its verifier, which does not ask the database: a call for services is refused to users as such.
    let heard = async {
        loop {
            let request = as_user(&there, trellis_proto::identity::v1::FollowSessionsRequest::default());
            let status = other.follow_sessions(request).await.unwrap_err();
            if code(&status) == "unauthenticated" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), heard).await.expect("another replica hears of it");
    world.eventually("SELECT count(*) FROM outbox", 0).await;

    // One's own: that is logging out.
    revoke(&world, &here, &current(&world, &here).await).await.unwrap();
    assert!(!world.is_signed_in(&here).await && world.is_signed_in(&third).await);
    assert_eq!(world.count(EVENTS).await, 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_is_not_there() {
    let world = World::start().await;
    let ann = world.register("ann@example.com").await.unwrap();
    let eve = world.register("eve@example.com").await.unwrap();
    let gone = login_from(&world, "Phone", "192.0.2.2").await;
    let (of_ann, ended) = (current(&world, &ann).await, current(&world, &gone).await);
    world.client.clone().logout(as_user(&gone, LogoutRequest {})).await.unwrap();
    let unknown = Uuid::now_v7().to_string();
    for id in [of_ann.as_str(), &ended, &unknown, "", "nonsense", "\u{0}", &"x".repeat(10_000)] {
        let told = revoke(&world, &eve, id).await.unwrap_err();
        assert_eq!(told.code.as_str(), "not_found");
        assert_eq!(told, Problem::not_found("session"), "{id}: all alike");
    }
    assert_eq!(revoke(&world, &ann, &ended).await.unwrap_err(), Problem::not_found("session"), "over");
    assert!(world.is_signed_in(&ann).await && world.is_signed_in(&eve).await);
    assert_eq!(world.count(EVENTS).await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_others_end_at_once() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let eve = world.register("eve@example.com").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(world.login("ann@example.com", PASSWORD).await.unwrap());
    }
    assert_eq!(revoke_others(&world, &here).await.unwrap(), 3);
    for other in &others {
        assert!(!world.is_signed_in(other).await);
        assert_eq!(world.refresh(&other.refresh_token).await.unwrap_err().code.as_str(), "unauthenticated");
    }
    assert!(world.is_signed_in(&here).await && world.is_signed_in(&eve).await);
    assert_eq!(list(&world, &here).await.unwrap().len(), 1);
    // Once more there is nothing to do, and nothing to tell.
    assert_eq!(revoke_others(&world, &here).await.unwrap(), 0);
    assert_eq!((world.count(EVENTS).await, world.count("SELECT last_seq FROM scopes").await), (1, 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_end_each_other_one_stays() {
    let world = World::start().await;
    let one = world.register("ann@example.com").await.unwrap();
    for _ in 0..10 {
        let other = world.login("ann@example.com", PASSWORD).await.unwrap();
        let (mine, its) = tokio::join!(revoke_others(&world, &one), revoke_others(&world, &other));
        let (first_stays, other_stays) = (world.is_signed_in(&one).await, world.is_signed_in(&other).await);
        assert!(first_stays != other_stays, "{mine:?} {its:?}");
        if other_stays {
            world.end().await;
            return;
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_session_that_has_ended_sees_and_ends_nothing() {
    let world = World::start().await;
    let stale = world.register("ann@example.com").await.unwrap();
    let good = world.login("ann@example.com", PASSWORD).await.unwrap();
    let id = current(&world, &good).await;
    // Nothing follows this: the token itself still verifies.
    world.execute("UPDATE sessions SET expires_at = now() - interval '1 s' WHERE id = (SELECT min(id::text)::uuid FROM sessions)").await;
    for refused in [
        list(&world, &stale).await.map(drop),
        revoke(&world, &stale, &id).await,
        revoke_others(&world, &stale).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code.as_str(), "unauthenticated");
    }
    assert!(world.is_signed_in(&good).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_have_sessions() {
    let world = World::start().await;
    let mut client = world.client.clone();
    for as_gateway in [true, false] {
        let list = ListSessionsRequest::default();
        let list = if as_gateway { world.as_gateway(list) } else { Request::new(list) };
        assert_eq!(code(&client.list_sessions(list).await.unwrap_err()), "unauthenticated");
        let revoke = RevokeSessionRequest { id: Uuid::now_v7().to_string() };
        let revoke = if as_gateway { world.as_gateway(revoke) } else { Request::new(revoke) };
        assert_eq!(code(&client.revoke_session(revoke).await.unwrap_err()), "unauthenticated");
        let others = RevokeOtherSessionsRequest {};
        let others = if as_gateway { world.as_gateway(others) } else { Request::new(others) };
        assert_eq!(code(&client.revoke_other_sessions(others).await.unwrap_err()), "unauthenticated");
    }
    world.end().await;
}
