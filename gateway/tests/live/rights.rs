//! Rights that end while a socket is open.

use serde_json::json;
use trellis_proto::project::v1::{OpenTopicRequest, open_topic_request::Topic};

use crate::{
    client::Client,
    store::{ACME, ANN, BOB},
    world::{Fast, World, limits, session, token},
};

fn revoked(topic: &str) -> serde_json::Value {
    json!({"type": "revoked", "topic": topic})
}

#[tokio::test]
async fn a_logout_ends_the_sockets_of_its_session() {
    let world = World::start().await;
    let client = world.ann_at("task:acme/WEB-1").await;
    let mut other = Client::with_token(world.address, &token(ANN, session(2), 600)).await;
    world.gateway.sessions.revoke(session(1), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    assert_eq!(client.closed().await, 4401);
    other.subscribe("task:acme/WEB-1", None).await;
    assert_eq!(world.ann().await.closed().await, 4401);
}

#[tokio::test]
async fn a_removed_member_hears_nothing_of_the_organization() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    ann.subscribe("task:other/OPS-1", None).await;
    let mut bob = Client::with_token(world.address, &token(BOB, session(2), 600)).await;
    bob.subscribe("task:acme/WEB-1", None).await;
    world.store.remove(ACME, ANN, true);
    assert_eq!(ann.next().await, revoked("task:acme/WEB-1"));
    world.comment("WEB-1", "for members").await;
    assert_eq!(bob.texts(1).await, ["for members"]);
    world.publish(&world.store.comment("other", "OPS-1", "elsewhere")).await;
    assert_eq!(ann.texts(1).await, ["elsewhere"]);
    ann.say(json!({"type": "subscribe", "id": 1, "topic": "task:acme/WEB-1"})).await;
    assert_eq!(ann.next().await["code"], "not_found");
}

#[tokio::test]
async fn a_deleted_organization_has_no_listeners() {
    let world = World::start().await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let mut bob = Client::with_token(world.address, &token(BOB, session(2), 600)).await;
    bob.subscribe("project:acme/web", None).await;
    world.store.delete_organization(ACME);
    assert_eq!(ann.next().await, revoked("task:acme/WEB-1"));
    assert_eq!(bob.next().await, revoked("project:acme/web"));
}

#[tokio::test]
async fn where_changes_cannot_be_told_every_access_is_checked_again() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    ann.subscribe("task:other/OPS-1", None).await;
    world.store.remove(ACME, ANN, false);
    world.store.forget_memberships();
    assert_eq!(ann.next().await, revoked("task:acme/WEB-1"));
    world.publish(&world.store.comment("other", "OPS-1", "elsewhere")).await;
    assert_eq!(ann.texts(1).await, ["elsewhere"]);
}

#[tokio::test]
async fn a_yes_that_was_overtaken_by_a_removal_does_not_count() {
    let world = World::start().await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let request = OpenTopicRequest { org: "acme".into(), topic: Some(Topic::TaskId("WEB-1".into())) };
    let yes = world.store.lock().open(&request, Some(ANN)).unwrap();
    world.store.remove(ACME, ANN, true);
    assert_eq!(ann.next().await, revoked("task:acme/WEB-1"));
    // The project service has not heard of it yet.
    world.fake.on("ProjectService/OpenTopic", move |_: OpenTopicRequest, _| Ok(yes.clone()));
    ann.say(json!({"type": "subscribe", "id": 1, "topic": "task:acme/WEB-1"})).await;
    let answer = ann.next().await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("not_found")));
}

#[tokio::test]
async fn a_gateway_that_stops_closes_its_sockets_and_waits_for_them() {
    let world = World::with(limits(), Fast::Off).await;
    let unknown = Client::open(world.address, "trellis.v1", &[]).await;
    let clients = [unknown, world.ann().await, world.ann_at("task:acme/WEB-1").await];
    world.gateway.shutdown.closing.cancel();
    world.gateway.shutdown.tasks.close();
    for client in clients {
        assert_eq!(client.closed().await, 1012);
    }
    world.gateway.shutdown.tasks.wait().await;
}
