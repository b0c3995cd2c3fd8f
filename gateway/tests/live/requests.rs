//! What a client may say, and what it is told when it says something else.

use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use trellis_gateway::live::Limits;

use crate::world::{Fast, World, limits};

#[tokio::test]
async fn ids_are_given_back_as_they_came() {
    let world = World::start().await;
    let mut ann = world.ann().await;
    for id in [json!(1), json!(-1.5), json!("a\"b"), json!(u64::MAX)] {
        ann.say(json!({"type": "unsubscribe", "id": id, "topic": "task:acme/WEB-1"})).await;
        assert_eq!(ann.next().await["id"], id);
    }
    ann.say(json!({"type": "ping"})).await;
    assert_eq!(ann.next().await, json!({"type": "pong"}));
    ann.say(json!({"type": "ping", "id": 1})).await;
    assert_eq!(ann.next().await, json!({"type": "pong", "id": 1}));
}

#[tokio::test]
async fn refusals_say_why_and_the_socket_goes_on() {
    let world = World::start().await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let refused = [
        (json!({"type": "jump"}), "invalid_request"),
        (json!({"type": "ping", "x": 1}), "invalid_request"),
        (json!({"type": "subscribe"}), "invalid_request"),
        (json!({"type": "subscribe", "topic": "nonsense"}), "invalid_request"),
        (json!({"type": "subscribe", "topic": "task:acme/WEB-9"}), "not_found"),
        (json!({"type": "subscribe", "topic": "task:nobody/WEB-1"}), "not_found"),
        (json!({"type": "subscribe", "topic": "notifications:x"}), "invalid_request"),
    ];
    for (mut frame, code) in refused {
        frame["id"] = 7.into();
        ann.say(frame.clone()).await;
        let answer = ann.next().await;
        assert_eq!(
            (&answer["type"], &answer["id"], &answer["code"]),
            (&json!("error"), &json!(7), &json!(code)),
            "{frame}"
        );
        assert!(answer["message"].is_string());
    }
    world.comment("WEB-1", "still here").await;
    assert_eq!(ann.texts(1).await, ["still here"]);
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let world = World::start().await;
    let mut ann = world.ann().await;
    for id in 0..40 {
        let r#type = if id % 2 == 0 { "subscribe" } else { "unsubscribe" };
        ann.say(json!({"type": r#type, "id": id, "topic": "task:acme/WEB-1"})).await;
    }
    for id in 0..40 {
        let answer = ann.next().await;
        let r#type = if id % 2 == 0 { "subscribed" } else { "unsubscribed" };
        assert_eq!((&answer["id"], &answer["type"]), (&json!(id), &json!(r#type)));
    }
    world.comment("WEB-1", "nobody listens").await;
    ann.hears_nothing().await;
}

#[tokio::test]
async fn what_is_no_protocol_of_ours_ends_the_socket() {
    let world = World::start().await;
    for (message, code) in [
        (Message::text("hello"), 4400),
        (Message::text("[1]"), 4400),
        (Message::binary(b"{}".to_vec()), 4400),
        (Message::text(format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(256 * 1024))), 1009),
    ] {
        let mut ann = world.ann().await;
        ann.raw(message).await;
        assert_eq!(ann.closed().await, code);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_answered() {
    let world = World::start().await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    ann.raw(Message::Close(Some(frame))).await;
    assert_eq!(ann.closed().await, 1000);
    world.gateway.shutdown.tasks.close();
    world.gateway.shutdown.tasks.wait().await;
}

#[tokio::test]
async fn a_socket_has_only_so_many_subscriptions() {
    let world = World::with(Limits { subscriptions_per_socket: 2, ..limits() }, Fast::Path).await;
    let mut ann = world.ann_at("task:acme/WEB-1").await;
    ann.subscribe("task:acme/WEB-2", None).await;
    ann.say(json!({"type": "subscribe", "id": 3, "topic": "project:acme/web"})).await;
    assert_eq!(ann.next().await["code"], "rate_limited");
    // Replacing one is always possible.
    ann.subscribe("task:acme/WEB-2", None).await;
    ann.say(json!({"type": "unsubscribe", "topic": "task:acme/WEB-2"})).await;
    ann.next().await;
    ann.subscribe("project:acme/web", None).await;
}
