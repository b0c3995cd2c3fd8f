//! What other processes follow.

use chrono::{DateTime, TimeDelta, Utc};
use trellis_proto::identity::v1::{FollowSessionsRequest, FollowSessionsResponse, LogoutRequest};
use trellis_rpc::convert::datetime;

use crate::world::{PASSWORD, World, as_user, code};

async fn follow(world: &World, epoch: &str, after: u64) -> FollowSessionsResponse {
    let request = world.as_gateway(FollowSessionsRequest { epoch: epoch.into(), after });
    world.client.clone().follow_sessions(request).await.unwrap().into_inner()
}

fn seqs(answer: &FollowSessionsResponse) -> Vec<u64> {
    answer.revoked.iter().map(|revoked| revoked.seq).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_first_then_what_is_new() {
    let world = World::start().await;
    let first = follow(&world, "", 0).await;
    assert!(first.full && first.head == 0 && first.revoked.is_empty());

    let mut tokens = vec![world.register("ann@example.com").await.unwrap()];
    for _ in 0..3 {
        tokens.push(world.login("ann@example.com", PASSWORD).await.unwrap());
    }
    for tokens in &tokens[..3] {
        world.client.clone().logout(as_user(tokens, LogoutRequest {})).await.unwrap();
    }
    let all = follow(&world, "", 0).await;
    assert_eq!((all.full, all.head, seqs(&all)), (true, 3, vec![1, 2, 3]));
    let new = follow(&world, &all.epoch, 2).await;
    assert_eq!((new.full, new.head, seqs(&new)), (false, 3, vec![3]));
    assert_eq!(new.revoked[0], all.revoked[2]);
    let nothing = follow(&world, &all.epoch, 3).await;
    assert_eq!((nothing.full, nothing.head, seqs(&nothing)), (false, 3, vec![]));
    for (epoch, after) in [("", 2), ("nonsense", 2), (all.epoch.as_str(), 4), (&uuid::Uuid::now_v7().to_string(), 3)] {
        let again = follow(&world, epoch, after).await;
        assert_eq!((again.full, seqs(&again)), (true, vec![1, 2, 3]));
    }
    // What no token can be shown for any more need not be told.
    world.execute("UPDATE sessions SET access_expires_at = now() - interval '2 min' WHERE revoked_seq = 1").await;
    assert_eq!(seqs(&follow(&world, "", 0).await), [2, 3]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_remembered_as_long_as_its_last_token_lasts() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let before = Utc::now();
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    world.client.clone().logout(as_user(&tokens, LogoutRequest {})).await.unwrap();
    let answer = follow(&world, "", 0).await;
    let forget_at: DateTime<Utc> = datetime(answer.revoked[0].forget_at.as_ref()).unwrap();
    let lasts = forget_at - before;
    assert!(lasts > TimeDelta::minutes(15) && lasts < TimeDelta::minutes(17), "{lasts}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_keys_and_a_published_one_does_not_sign_yet() {
    let mut world = World::start().await;
    let keys = follow(&world, "", 0).await.keys;
    assert_eq!(keys.len(), 1);
    let mut other = world.add_replica().await;
    let request = world.as_gateway(FollowSessionsRequest::default());
    assert_eq!(other.follow_sessions(request).await.unwrap().into_inner().keys, keys);

    // Rotation: a key that is published ahead of its use.
    world
        .execute(
            "INSERT INTO signing_keys (kid, seed, public_key, created_at, not_before) \
         SELECT 'next', seed, public_key, now(), now() + interval '60 s' FROM signing_keys",
        )
        .await;
    assert_eq!(follow(&world, "", 0).await.keys.len(), 2);
    world.add_replica().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    assert!(world.is_signed_in(&tokens).await);
    // Retired: no longer published, and its tokens are void after the next pull.
    world.execute("UPDATE signing_keys SET retired_at = now() WHERE kid <> 'next'").await;
    assert_eq!(follow(&world, "", 0).await.keys.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_services_follow() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let request = as_user(&tokens, FollowSessionsRequest::default());
    assert_eq!(code(&world.client.clone().follow_sessions(request).await.unwrap_err()), "forbidden");
    let request = tonic::Request::new(FollowSessionsRequest::default());
    assert_eq!(code(&world.client.clone().follow_sessions(request).await.unwrap_err()), "unauthenticated");
    world.end().await;
}
