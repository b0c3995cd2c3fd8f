//! The chain of refresh tokens.

use trellis_rpc::Code;

use crate::world::{PASSWORD, World, fields};

const ENDED: &str = "SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn each_token_is_exchanged_for_the_next() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_ne!(second.refresh_token, third.refresh_token);
    assert_eq!((third.user.clone(), third.expires_in), (first.user.clone(), 900));
    assert!(world.is_signed_in(&first).await && world.is_signed_in(&third).await);
    assert_eq!(world.count("SELECT count(*) FROM sessions").await, 1);
    // The tokens themselves are nowhere to be read.
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT hash FROM refresh_tokens").fetch_all(&world.pool).await.unwrap();
    assert_eq!(stored.len(), 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_same_successor() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    world.execute("UPDATE refresh_tokens SET spent_at = spent_at - interval '25 s'").await;
    let again = world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token);
    assert_ne!(again.access_token, second.access_token);
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 2);
    assert!(world.refresh(&second.refresh_token).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grandparent_is_theft_however_fresh() {
    let world = World::start().await;
    let mut chain = vec![world.register("ann@example.com").await.unwrap()];
    for _ in 0..4 {
        let next = world.refresh(&chain.last().unwrap().refresh_token).await.unwrap();
        chain.push(next);
    }
    // The parent of the one that is unused is a retry; every older one is not, though it was spent a moment ago.
    assert_eq!(world.refresh(&chain[3].refresh_token).await.unwrap().refresh_token, chain[4].refresh_token);
    assert_eq!(world.count(ENDED).await, 0);
    assert_eq!(world.refresh(&chain[2].refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    for tokens in &chain {
        assert_eq!(world.refresh(&tokens.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
        assert!(!world.is_signed_in(tokens).await);
    }
    assert_eq!(world.count(ENDED).await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_ends_the_family() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    let elsewhere = world.login("ann@example.com", PASSWORD).await.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();

    // The successor is in use: within 30 s or not, someone has a copy.
    assert_eq!(world.refresh(&first.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(world.refresh(&third.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert!(!world.is_signed_in(&third).await);
    assert!(world.is_signed_in(&elsewhere).await);
    assert!(world.refresh(&elsewhere.refresh_token).await.is_ok());
    assert_eq!(world.count(ENDED).await, 1);
    // Said once, however often it is tried.
    assert_eq!(world.refresh(&first.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(world.count("SELECT count(*) FROM event_log WHERE kind = 'session.revoked'").await, 1);
    assert_eq!(world.count("SELECT last_seq FROM scopes").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_half_a_minute_a_retry_is_theft() {
    let world = World::start().await;
    let first = world.register("ann@example.com").await.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    world.execute("UPDATE refresh_tokens SET spent_at = spent_at - interval '31 s'").await;
    assert_eq!(world.refresh(&first.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(world.refresh(&second.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(world.count(ENDED).await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_token_ends_nothing() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let none = world.refresh("").await.unwrap_err();
    assert_eq!((none.code, fields(&none)), (Code::ValidationFailed, vec![("refresh_token", "required")]));
    // An access token, and one letter of the true one altered, are as unknown as any.
    let altered = format!("{}A", &tokens.refresh_token[..42]);
    let other = if altered == tokens.refresh_token { format!("{}E", &tokens.refresh_token[..42]) } else { altered };
    for unknown in ["nonsense", &"A".repeat(43), &"x".repeat(10_000), "\0", &tokens.access_token, &other] {
        assert_eq!(world.refresh(unknown).await.unwrap_err().code, Code::Unauthenticated);
    }
    assert_eq!(world.count(ENDED).await, 0);
    assert!(world.refresh(&tokens.refresh_token).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_last_thirty_days_unused_and_ninety_in_all() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    world.execute("UPDATE sessions SET last_used_at = now() - interval '29 days 23 h'").await;
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM sessions WHERE last_used_at > now() - interval '1 min'").await, 1);
    world.execute("UPDATE sessions SET last_used_at = now() - interval '30 days'").await;
    assert_eq!(world.refresh(&tokens.refresh_token).await.unwrap_err().code, Code::Unauthenticated);

    let tokens = world.login("ann@example.com", PASSWORD).await.unwrap();
    assert_eq!(
        world.count("SELECT count(*) FROM sessions WHERE expires_at = created_at + interval '90 days'").await,
        2
    );
    world.execute("UPDATE sessions SET expires_at = now() - interval '1 s'").await;
    assert_eq!(world.refresh(&tokens.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(world.count(ENDED).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten() {
    let mut world = World::start().await;
    world.register("ann@example.com").await.unwrap();
    let alive = world.login("ann@example.com", PASSWORD).await.unwrap();
    world
        .execute(
            "UPDATE sessions SET expires_at = now() - interval '1 s', access_expires_at = now() - interval '5 min' \
         WHERE id = (SELECT id FROM sessions ORDER BY created_at LIMIT 1)",
        )
        .await;
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM sessions", 1).await;
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 1);
    assert!(world.refresh(&alive.refresh_token).await.is_ok());
    world.end().await;
}
