//! Registering with an organization: another service decides, and may be silent.

use trellis_proto::identity::v1::RegisterRequest;
use trellis_rpc::Code;

use crate::{
    fake_org::Behaviour,
    world::{PASSWORD, World, registration},
};

const PENDING: &str = "SELECT count(*) FROM users WHERE pending_since IS NOT NULL";
const ACTIVE: &str = "SELECT count(*) FROM users WHERE pending_since IS NULL";
const A_MINUTE_AGO: &str = "UPDATE users SET pending_since = pending_since - interval '61 s'";

fn with_organization(email: &str) -> RegisterRequest {
    RegisterRequest { organization_slug: Some("acme".into()), ..registration(email) }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_is_a_user() {
    let world = World::start().await;
    let request =
        RegisterRequest { invitation_token: Some("invited".into()), ..with_organization(" Ann@example.com ") };
    let tokens = world.register_as(request).await.unwrap();
    let joins = world.org.joins();
    assert_eq!(joins.len(), 1);
    assert_eq!(joins[0].user_id, tokens.user.clone().unwrap().id);
    assert_eq!(joins[0].email, "Ann@example.com");
    assert_eq!(joins[0].organization_slug.as_deref(), Some("acme"));
    assert_eq!(joins[0].invitation_token.as_deref(), Some("invited"));
    assert!(world.is_signed_in(&tokens).await);
    assert_eq!((world.count(PENDING).await, world.count(ACTIVE).await), (0, 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_no_user() {
    let world = World::start().await;
    world.org.behaves(Behaviour::Refuses);
    let problem = world.register_as(with_organization("ann@example.com")).await.unwrap_err();
    assert_eq!(problem.code, Code::InvitationRequired);
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
    assert!(world.register("ann@example.com").await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_no_organization_is_answered_like_one_that_is_not_there() {
    let world = World::start().await;
    for slug in ["", "Not A Slug", "a\0b", &"x".repeat(1000)] {
        let request = RegisterRequest { organization_slug: Some(slug.into()), ..registration("ann@example.com") };
        assert_eq!(world.register_as(request).await.unwrap_err().code, Code::InvitationRequired);
    }
    let request = RegisterRequest { invitation_token: Some("\0".into()), ..with_organization("ann@example.com") };
    assert_eq!(world.register_as(request).await.unwrap_err().code, Code::InvitationRequired);
    assert!(world.org.joins().is_empty());
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_unknown_the_user_is_pending() {
    let mut world = World::start().await;
    world.org.behaves(Behaviour::TakesSilently);
    let problem = world.register_as(with_organization("ann@example.com")).await.unwrap_err();
    assert_eq!((problem.code, problem.retry_after_seconds), (Code::Unavailable, 1));
    assert_eq!((world.count(PENDING).await, world.count(ACTIVE).await), (1, 0));
    assert_eq!(world.login("ann@example.com", PASSWORD).await.unwrap_err().code, Code::InvalidCredentials);
    assert_eq!(world.register("Ann@example.com").await.unwrap_err().code, Code::AlreadyExists);

    // A registration that may still run is left alone; the sweep is over when the one beside it is gone.
    world.execute(
        "INSERT INTO users SELECT gen_random_uuid(), 'old@example.com', name, '', created_at, now() - interval '2 min' \
         FROM users",
    )
    .await;
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM users WHERE email = 'old@example.com'", 0).await;
    assert_eq!((world.count(PENDING).await, world.count(ACTIVE).await), (1, 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_finishes_who_was_taken() {
    let mut world = World::start().await;
    world.org.behaves(Behaviour::TakesSilently);
    world.register_as(with_organization("ann@example.com")).await.unwrap_err();
    world.execute(A_MINUTE_AGO).await;
    world.add_replica().await;
    world.eventually(ACTIVE, 1).await;
    assert!(world.login("ann@example.com", PASSWORD).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_deletes_who_was_not_taken_when_org_says_so() {
    let mut world = World::start().await;
    world.org.behaves(Behaviour::Away);
    assert_eq!(world.register_as(with_organization("ann@example.com")).await.unwrap_err().code, Code::Unavailable);
    world.execute(A_MINUTE_AGO).await;
    world.add_replica().await;
    // Org is still away: nobody knows, so nothing happens.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(world.count(PENDING).await, 1);

    world.org.behaves(Behaviour::Refuses);
    world.add_replica().await;
    world.eventually("SELECT count(*) FROM users", 0).await;
    assert!(world.register("ann@example.com").await.is_ok());
    world.end().await;
}
