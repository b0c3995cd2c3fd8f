//! Coming back with a cursor.

use serde_json::{Value, json};
use trellis_gateway::cursor::Cursor;
use uuid::Uuid;

use crate::{client::Client, world::World};

fn at(world: &World, seq: u64) -> Cursor {
    let epoch = world.store.lock().epoch;
    Cursor { epoch, scope: world.store.scope("acme", "web"), seq }
}

fn comments(world: &World, count: u64) {
    for number in 1..=count {
        world.store.comment("acme", if number % 3 == 0 { "WEB-2" } else { "WEB-1" }, &number.to_string());
    }
}

async fn subscribe(client: &mut Client, after: Cursor) -> (Value, Value) {
    let answer = client.subscribe("project:acme/web", Some(&after.to_string())).await;
    (answer["cursor"].clone(), answer["recovered"].clone())
}

#[tokio::test]
async fn without_a_cursor_one_begins_at_the_head() {
    let world = World::start().await;
    comments(&world, 3);
    let mut ann = world.ann().await;
    let answer = ann.subscribe("project:acme/web", None).await;
    assert_eq!(answer["cursor"], at(&world, 3).to_string());
    assert_eq!(answer["recovered"], true);
    world.comment("WEB-1", "four").await;
    assert_eq!(ann.event().await, ("four".to_owned(), at(&world, 4).to_string()));
}

#[tokio::test]
async fn what_was_missed_comes_first_and_then_what_happens() {
    let world = World::without_heads().await;
    comments(&world, 5);
    let mut ann = world.ann().await;
    assert_eq!(subscribe(&mut ann, at(&world, 2)).await, (json!(at(&world, 2).to_string()), json!(true)));
    // The page, and what the feed reads when it has joined: from here on the fast path fills its memory.
    world.until(|world| world.fake.calls("ProjectService/ReadEvents").len() >= 2).await;
    world.comment("WEB-1", "6").await;
    assert_eq!(ann.texts(4).await, ["3", "4", "5", "6"]);
    ann.hears_nothing().await;
    // The next one is served from what is in memory.
    let reads = world.fake.calls("ProjectService/ReadEvents").len();
    let mut again = world.ann().await;
    subscribe(&mut again, at(&world, 5)).await;
    assert_eq!(again.texts(1).await, ["6"]);
    assert_eq!(world.fake.calls("ProjectService/ReadEvents").len(), reads);
}

#[tokio::test]
async fn a_long_absence_is_read_page_by_page() {
    let world = World::start().await;
    comments(&world, 700);
    let mut ann = world.ann().await;
    subscribe(&mut ann, at(&world, 0)).await;
    world.comment("WEB-1", "701").await;
    let expected: Vec<String> = (1..=701).map(|number: u32| number.to_string()).collect();
    assert_eq!(ann.texts(701).await, expected);
    // A task's topic gets its part of the same order.
    ann.subscribe("task:acme/WEB-2", Some(&at(&world, 300).to_string())).await;
    let expected: Vec<String> =
        (301..=700).filter(|number| number % 3 == 0).map(|number: u32| number.to_string()).collect();
    assert_eq!(ann.texts(expected.len()).await, expected);
    ann.hears_nothing().await;
}

#[tokio::test]
async fn those_who_come_back_together_share_what_is_read() {
    let world = World::start().await;
    comments(&world, 100);
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = world.ann().await;
        subscribe(&mut client, at(&world, 10)).await;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.texts(90).await.last().unwrap(), "100");
    }
    let reads = world.fake.calls("ProjectService/ReadEvents").len();
    assert!(reads <= 3, "{reads} reads");
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_is_said() {
    let world = World::start().await;
    comments(&world, 9);
    let scope = world.store.scope("acme", "web");
    world.store.lock().scopes.get_mut(&scope).unwrap().oldest = 4;
    let mut ann = world.ann().await;
    let head = json!(at(&world, 9).to_string());
    let elsewhere = Cursor { scope: world.store.scope("other", "OPS-1"), ..at(&world, 5) };
    let earlier = Cursor { epoch: Uuid::now_v7(), ..at(&world, 5) };
    for lost in [at(&world, 3), at(&world, 10), elsewhere, earlier] {
        assert_eq!(subscribe(&mut ann, lost).await, (head.clone(), json!(false)), "{lost:?}");
    }
    assert_eq!(subscribe(&mut ann, at(&world, 4)).await, (json!(at(&world, 4).to_string()), json!(true)));
    assert_eq!(ann.texts(5).await, ["5", "6", "7", "8", "9"]);
    let malformed = json!({"type": "subscribe", "id": 1, "topic": "project:acme/web", "after": "nonsense"});
    ann.say(malformed).await;
    let refused = ann.next().await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("invalid_request")));
}

#[tokio::test]
async fn a_database_made_anew_is_said_to_who_listens() {
    let world = World::start().await;
    comments(&world, 3);
    let mut ann = world.ann_at("project:acme/web").await;
    let scope = world.store.scope("acme", "web");
    {
        let mut known = world.store.lock();
        known.epoch = Uuid::now_v7();
        known.scopes.get_mut(&scope).unwrap().events.truncate(1);
    }
    let answer = ann.next().await;
    let expected = json!({
        "type": "subscribed",
        "topic": "project:acme/web",
        "cursor": at(&world, 1).to_string(),
        "recovered": false,
    });
    assert_eq!(answer, expected);
    world.comment("WEB-1", "anew").await;
    assert_eq!(ann.event().await, ("anew".to_owned(), at(&world, 2).to_string()));
}
