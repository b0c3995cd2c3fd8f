//! What a subscription delivers: events as they happen, in their form, once and in order.

use std::time::Duration;

use serde_json::json;
use trellis_gateway::live::Limits;

use crate::{
    store::BOB,
    world::{World, limits},
};

#[tokio::test]
async fn an_event_arrives_as_it_happens() {
    let world = World::without_heads().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    let event = world.comment("WEB-1", "Hello \"you\"").await;
    let frame = ann.next().await;
    let bob = json!({"id": BOB, "name": "bob", "email": "bob@example.org"});
    assert_eq!(frame["type"], "event");
    assert_eq!(frame["topic"], "task:acme/WEB-1");
    assert_eq!(frame["event"]["id"], event.id);
    assert_eq!(frame["event"]["kind"], "comment.created");
    assert_eq!(frame["event"]["actor"], bob);
    assert!(frame["event"]["occurred_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(frame["event"]["data"]["content"], "Hello \"you\"");
    assert_eq!(frame["event"]["data"]["task_id"], "WEB-1");
    assert_eq!(frame["event"]["data"]["author"], bob);
    assert_eq!(frame["event"]["data"]["edited_at"], json!(null));
    assert_eq!(world.fake.calls("ProjectService/ReadEvents").len(), 1, "by the fast path");
}

#[tokio::test]
async fn a_task_hears_its_own_events_and_a_project_all_of_them() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    ann.subscribe("project:acme/web", None).await;
    let mut second = world.ann_at("task:acme/web-2").await;
    world.comment("WEB-1", "one").await;
    world.comment("WEB-2", "two").await;
    world.comment("WEB-1", "three").await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        let frame = ann.next().await;
        heard.push(format!("{} {}", frame["topic"], frame["event"]["data"]["content"]));
    }
    let of = |topic: &str| heard.iter().filter(|frame| frame.contains(topic)).cloned().collect::<Vec<_>>();
    assert_eq!(of("task:"), [r#""task:acme/WEB-1" "one""#, r#""task:acme/WEB-1" "three""#]);
    assert_eq!(
        of("project:"),
        [r#""project:acme/web" "one""#, r#""project:acme/web" "two""#, r#""project:acme/web" "three""#]
    );
    let frame = second.next().await;
    assert_eq!(frame["topic"], "task:acme/web-2", "the topic as this client wrote it");
    assert_eq!(frame["event"]["data"]["content"], "two");
    second.hears_nothing().await;
}

#[tokio::test]
async fn subscribing_again_replaces_and_unsubscribing_ends() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("task:acme/WEB-1").await;
    world.comment("WEB-1", "one").await;
    let (_, first) = ann.event().await;
    world.comment("WEB-1", "two").await;
    ann.event().await;
    // From the first event on again; in another spelling of the same topic.
    let answer = ann.subscribe("task:acme/web-1", Some(&first)).await;
    assert_eq!((&answer["cursor"], &answer["recovered"]), (&json!(first), &json!(true)));
    assert_eq!(ann.texts(1).await, ["two"]);
    world.comment("WEB-1", "three").await;
    assert_eq!(ann.texts(1).await, ["three"]);
    ann.hears_nothing().await;
    // A project's topic by its slug and by its key is one topic, too, which ends by either.
    ann.subscribe("project:acme/web", None).await;
    ann.subscribe("project:acme/WEB", None).await;
    for topic in ["task:acme/WEB-1", "project:acme/web"] {
        ann.say(json!({"type": "unsubscribe", "id": 2, "topic": topic})).await;
        assert_eq!(ann.next().await, json!({"type": "unsubscribed", "id": 2, "topic": topic}));
    }
    let mut other = world.ann_at("task:acme/WEB-1").await;
    world.comment("WEB-1", "four").await;
    other.event().await;
    ann.hears_nothing().await;
}

#[tokio::test]
async fn a_quiet_topic_is_told_its_position() {
    let quick = Duration::from_millis(100);
    let world = World::with(Limits { tick: quick, quiet: quick, ..limits() }, crate::world::Fast::Path).await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let first = ann.next().await;
    assert_eq!((&first["type"], &first["topic"]), (&json!("position"), &json!("task:acme/WEB-1")));
    // It moves over what is not its own.
    world.comment("WEB-2", "elsewhere").await;
    let moved = loop {
        let frame = ann.next().await;
        assert_eq!(frame["type"], "position");
        if frame["cursor"] != first["cursor"] {
            break frame["cursor"].as_str().unwrap().to_owned();
        }
    };
    let mut again = world.ann().await;
    let answer = again.subscribe("task:acme/WEB-2", Some(&moved)).await;
    assert_eq!(answer["recovered"], true, "a cursor is of the scope, not of the topic");
}

#[tokio::test]
async fn what_is_published_twice_or_out_of_order_arrives_once_and_in_order() {
    let world = World::start().await;
    let mut ann = world.ann_live_at("project:acme/web").await;
    let events: Vec<_> = (0..6).map(|number| world.store.comment("acme", "WEB-1", &number.to_string())).collect();
    for number in [1, 0, 0, 2, 1, 5, 3, 4, 5] {
        world.publish(&events[number]).await;
    }
    assert_eq!(ann.texts(6).await, ["0", "1", "2", "3", "4", "5"]);
    ann.hears_nothing().await;
}

#[tokio::test]
async fn many_listeners_hear_many_events() {
    let world = World::start().await;
    world.ann_live_at("project:acme/web").await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(world.ann_at("project:acme/web").await);
    }
    let expected: Vec<String> = (0..100).map(|number: u32| number.to_string()).collect();
    for text in &expected {
        world.comment("WEB-1", text).await;
    }
    for client in &mut clients {
        assert_eq!(client.texts(100).await, expected);
    }
}
