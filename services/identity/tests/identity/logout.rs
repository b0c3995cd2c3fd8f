//! Ending one's session.

use tonic::Request;
use trellis_proto::identity::v1::LogoutRequest;
use trellis_rpc::Code;

use crate::world::{PASSWORD, World, as_user, code};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_at_once_and_others_go_on() {
    let world = World::start().await;
    let here = world.register("ann@example.com").await.unwrap();
    let elsewhere = world.login("ann@example.com", PASSWORD).await.unwrap();
    world.client.clone().logout(as_user(&here, LogoutRequest {})).await.unwrap();
    assert!(!world.is_signed_in(&here).await);
    assert!(world.is_signed_in(&elsewhere).await);
    assert_eq!(world.refresh(&here.refresh_token).await.unwrap_err().code, Code::Unauthenticated);
    assert!(world.refresh(&elsewhere.refresh_token).await.is_ok());
    let again = world.client.clone().logout(as_user(&here, LogoutRequest {})).await.unwrap_err();
    assert_eq!(code(&again), "unauthenticated");
    // Those who follow over NATS are woken.
    world.eventually("SELECT count(*) FROM outbox", 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_hears_of_it_within_a_second() {
    let mut world = World::start().await;
    let mut other = world.add_replica().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    world.client.clone().logout(as_user(&tokens, LogoutRequest {})).await.unwrap();
    // What asks the database knows at once, the layer before it after a pull.
    let me = other.get_me(as_user(&tokens, trellis_proto::identity::v1::GetMeRequest {})).await.unwrap_err();
    assert_eq!(code(&me), "unauthenticated");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let again = other.logout(as_user(&tokens, LogoutRequest {})).await.unwrap_err();
    assert_eq!(code(&again), "unauthenticated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_log_out() {
    let world = World::start().await;
    for request in [Request::new(LogoutRequest {}), world.as_gateway(LogoutRequest {})] {
        let status = world.client.clone().logout(request).await.unwrap_err();
        assert_eq!(code(&status), "unauthenticated");
    }
    world.end().await;
}
