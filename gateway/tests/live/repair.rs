//! NATS is the fast path: whatever happens to it, events arrive.

use std::time::Duration;

use trellis_gateway::live::Limits;

use crate::{
    proxy::Proxy,
    world::{Fast, World, limits, nats_url},
};

#[tokio::test]
async fn a_lost_message_is_read_when_the_next_one_shows_the_hole() {
    let world = World::without_heads().await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    world.store.comment("acme", "WEB-1", "lost");
    world.store.comment("acme", "WEB-1", "lost, too");
    world.comment("WEB-1", "heard").await;
    assert_eq!(ann.texts(3).await, ["lost", "lost, too", "heard"]);
}

#[tokio::test]
async fn a_lost_tail_is_found_by_the_heads() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    world.store.comment("acme", "WEB-1", "lost");
    assert_eq!(ann.texts(1).await, ["lost"]);
}

#[tokio::test]
async fn reads_that_fail_are_tried_again() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    world.store.lock().failures = 3;
    world.store.comment("acme", "WEB-1", "lost");
    world.comment("WEB-1", "heard").await;
    assert_eq!(ann.texts(2).await, ["lost", "heard"]);
}

#[tokio::test]
async fn without_nats_events_arrive_a_little_later() {
    let world = World::with(limits(), Fast::Off).await;
    let mut ann = world.ann_at("project:acme/web").await;
    for text in ["one", "two"] {
        world.store.comment("acme", "WEB-1", text);
        assert_eq!(ann.texts(1).await, [text]);
    }
}

#[tokio::test]
async fn nats_may_go_away_and_come_back() {
    let proxy = Proxy::to(&nats_url()).await;
    let world = World::with(limits(), Fast::Through(proxy.address)).await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    world.comment("WEB-1", "before").await;
    assert_eq!(ann.texts(1).await, ["before"]);
    proxy.cut();
    world.comment("WEB-1", "meanwhile").await;
    assert_eq!(ann.texts(1).await, ["meanwhile"]);
    // Whoever comes meanwhile is served as well.
    let mut other = world.ann_at("task:other/OPS-1").await;
    world.publish(&world.store.comment("other", "OPS-1", "also meanwhile")).await;
    assert_eq!(other.texts(1).await, ["also meanwhile"]);
    proxy.mend();
    // The fast path is back when an event comes without being read.
    for number in 0.. {
        let reads = world.fake.calls("ProjectService/ReadEvents").len();
        world.publish(&world.store.comment("acme", "WEB-1", &format!("w{number}"))).await;
        world.publish(&world.store.comment("other", "OPS-1", &format!("o{number}"))).await;
        assert_eq!(ann.texts(1).await, [format!("w{number}")]);
        assert_eq!(other.texts(1).await, [format!("o{number}")]);
        if world.fake.calls("ProjectService/ReadEvents").len() == reads {
            break;
        }
        assert!(number < 20, "the fast path does not come back");
    }
}

#[tokio::test]
async fn what_is_no_event_of_the_scope_is_ignored() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    let mut foreign = world.store.comment("other", "OPS-1", "foreign");
    let subject_of = world.store.scope("acme", "web").to_string();
    foreign.scope.clone_from(&subject_of);
    foreign.epoch = uuid::Uuid::now_v7().to_string();
    world.publish(&foreign).await;
    foreign.scope = "nonsense".into();
    world.publish(&trellis_proto::event::v1::Event { scope: subject_of, epoch: String::new(), ..foreign }).await;
    world.comment("WEB-1", "ours").await;
    assert_eq!(ann.texts(1).await, ["ours"]);
    ann.hears_nothing().await;
}

fn is_connected(world: &World) -> bool {
    world.gateway.nats.as_ref().unwrap().connection_state() == async_nats::connection::State::Connected
}

#[tokio::test]
async fn a_new_connection_to_nats_asks_for_the_heads_at_once() {
    let proxy = Proxy::to(&nats_url()).await;
    // No other way would bring it.
    let hardly_ever = Limits { heads: Duration::from_hours(1), ..limits() };
    let world = World::with(hardly_ever, Fast::Through(proxy.address)).await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    for text in ["one", "two"] {
        proxy.cut();
        world.until(|world| !is_connected(world)).await;
        world.store.comment("acme", "WEB-1", text);
        proxy.mend();
        assert_eq!(ann.texts(1).await, [text]);
    }
}
