//! Changing the password.

use futures_util::future::join_all;
use trellis_proto::identity::v1::{ChangePasswordRequest, Tokens};
use trellis_rpc::{Code, IdempotencyKey, Problem, was_replayed};

use crate::world::{PASSWORD, World, as_user, fields};

const NEW: &str = "another horse altogether";

async fn change(
    world: &World,
    tokens: &Tokens,
    (current, new): (&str, &str),
    key: Option<&IdempotencyKey>,
) -> Result<bool, Problem> {
    let message = ChangePasswordRequest { current_password: current.into(), new_password: new.into() };
    let mut request = as_user(tokens, message);
    if let Some(key) = key {
        key.attach(&mut request);
    }
    Ok(was_replayed(&world.client.clone().change_password(request).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_all_other_sessions() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let others = [world.login("ann@example.com", PASSWORD).await, world.login("ann@example.com", PASSWORD).await];
    let stranger = world.register("bob@example.com").await.unwrap();
    assert!(!change(&world, &here, (PASSWORD, NEW), None).await.unwrap());

    assert!(world.is_signed_in(&here).await && world.is_signed_in(&stranger).await);
    for other in others {
        let other = other.unwrap();
        assert!(!world.is_signed_in(&other).await);
        assert_eq!(world.refresh(&other.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    }
    assert!(world.refresh(&here.refresh_token).await.is_ok());
    assert_eq!(world.login("ann@example.com", PASSWORD).await.unwrap_err().code, Code::InvalidCredentials);
    assert!(world.login("ann@example.com", NEW).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_by_field() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let other = world.login("ann@example.com", PASSWORD).await.unwrap();
    let problem = change(&world, &here, ("incorrect horse", NEW), None).await.unwrap_err();
    assert_eq!(problem.code, Code::ValidationFailed);
    assert_eq!(fields(&problem), [("current_password", "incorrect")]);
    let problem = change(&world, &here, ("", "short"), None).await.unwrap_err();
    assert_eq!(fields(&problem), [("current_password", "required"), ("new_password", "too_short")]);
    let problem = change(&world, &here, (PASSWORD, "password123"), None).await.unwrap_err();
    assert_eq!(fields(&problem), [("new_password", "too_common")]);
    assert!(world.is_signed_in(&other).await);
    assert!(world.login("ann@example.com", PASSWORD).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_its_key_is_answered_as_before() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let key = |fingerprint| IdempotencyKey {
        key: "retry".into(),
        operation: "POST /api/v1/me/password".into(),
        fingerprint: [fingerprint; 32],
    };
    assert!(!change(&world, &here, (PASSWORD, NEW), Some(&key(1))).await.unwrap());
    let later = world.login("ann@example.com", NEW).await.unwrap();
    // The current password is no longer the current one, and the session opened since is not ended.
    assert!(change(&world, &here, (PASSWORD, NEW), Some(&key(1))).await.unwrap());
    assert!(world.is_signed_in(&later).await);
    let reused = change(&world, &here, (PASSWORD, "yet another horse"), Some(&key(2))).await.unwrap_err();
    assert_eq!(reused.code, Code::IdempotencyKeyReused);
    let reused = change(&world, &here, (NEW, "yet another horse"), Some(&key(2))).await.unwrap_err();
    assert_eq!(reused.code, Code::IdempotencyKeyReused);
    // The digest of a body with passwords is not stored as it is.
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT fingerprint FROM idempotency_keys").fetch_one(&world.pool).await.unwrap();
    assert_ne!(stored, [1; 32]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_with_the_old_password_slips_in_beside_it() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let logins = join_all((0..12).map(|_| world.login("ann@example.com", PASSWORD)));
    let (changed, logins) = tokio::join!(change(&world, &here, (PASSWORD, NEW), None), logins);
    changed.unwrap();
    for refused in logins.into_iter().filter_map(Result::err) {
        // A machine that is busy may also send some away.
        assert!(matches!(refused.code, Code::InvalidCredentials | Code::Unavailable), "{refused:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 1);
    assert!(world.is_signed_in(&here).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_changes_at_once_one_wins() {
    let world = World::start().await;
    let sessions =
        [world.register("ann@example.com").await.unwrap(), world.login("ann@example.com", PASSWORD).await.unwrap()];
    let new = ["the first new horse", "the second new horse"];
    let answers = tokio::join!(
        change(&world, &sessions[0], (PASSWORD, new[0]), None),
        change(&world, &sessions[1], (PASSWORD, new[1]), None),
    );
    let won = usize::from(answers.0.is_err());
    assert!(answers.0.is_ok() != answers.1.is_ok(), "{answers:?}");
    assert!(world.login("ann@example.com", new[won]).await.is_ok());
    assert!(world.is_signed_in(&sessions[won]).await && !world.is_signed_in(&sessions[1 - won]).await);
    world.end().await;
}
