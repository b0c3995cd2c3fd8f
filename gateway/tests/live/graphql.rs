//! Subscriptions over `graphql-transport-ws`: the events of the live sockets, in the words of the graph.

use std::time::Duration;

use serde_json::{Value, json};
use trellis_gateway::{cursor::Cursor, live::Limits};

use crate::{
    client::Client,
    store::{ACME, ANN, BOB},
    world::{Fast, World, limits, session, token},
};

const COMMENTS: &str = r#"subscription($after: String) { taskComments(orgSlug: "acme", taskId: "web-1", after: $after) {
    cursor kind recovered occurredAt actor { name email } comment { id content author { id name } } } }"#;
const EVENTS: &str = r#"subscription($after: String) { projectEvents(orgSlug: "acme", projectSlug: "web", after: $after) {
    cursor kind recovered task { taskId liveCursor } comment { content } project { slug } changes { field from to } } }"#;

/// Opens a socket, signed in as this token says.
pub async fn signed_in(world: &World, token: &str) -> Client {
    let mut client = Client::at(world.address, "/graphql", "graphql-transport-ws", &[]).await;
    client.say(json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}})).await;
    assert_eq!(client.text().await, r#"{"type":"connection_ack"}"#);
    client
}

pub async fn ann(world: &World) -> Client {
    signed_in(world, &token(ANN, session(1), 600)).await
}

pub async fn subscribe(client: &mut Client, id: &str, query: &str, after: Option<&str>) {
    let payload = json!({"query": query, "variables": {"after": after}});
    client.say(json!({"type": "subscribe", "id": id, "payload": payload})).await;
}

/// The object of the next frame, which must be one of this operation.
pub async fn heard(client: &mut Client, id: &str) -> Value {
    let mut frame = client.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("next"), &json!(id)), "{frame}");
    assert_eq!(frame["payload"].get("errors"), None, "{frame}");
    frame["payload"]["data"].as_object_mut().unwrap().values_mut().next().unwrap().take()
}

/// Subscribes and hears where it begins.
pub async fn begin(client: &mut Client, id: &str, query: &str, after: Option<&str>) -> (String, bool) {
    subscribe(client, id, query, after).await;
    let frame = heard(client, id).await;
    assert_eq!(frame["kind"], Value::Null);
    (frame["cursor"].as_str().unwrap().to_owned(), frame["recovered"].as_bool().unwrap())
}

async fn contents(client: &mut Client, id: &str, count: usize) -> Vec<String> {
    let mut contents = Vec::new();
    for _ in 0..count {
        contents.push(heard(client, id).await["comment"]["content"].as_str().unwrap().to_owned());
    }
    contents
}

fn at(world: &World, seq: u64) -> String {
    let epoch = world.store.lock().epoch;
    Cursor { epoch, scope: world.store.scope("acme", "web"), seq }.to_string()
}

#[tokio::test]
async fn it_begins_at_the_head_and_gives_what_happens() {
    let world = World::without_heads().await;
    world.store.comment("acme", "WEB-1", "before");
    let mut client = ann(&world).await;
    assert_eq!(begin(&mut client, "a", COMMENTS, None).await, (at(&world, 1), true));
    world.until(|world| !world.fake.calls("ProjectService/ReadEvents").is_empty()).await;
    let event = world.comment("WEB-1", "Hi").await;
    let frame = heard(&mut client, "a").await;
    assert_eq!((&frame["cursor"], &frame["kind"]), (&json!(at(&world, 2)), &json!("comment.created")));
    assert_eq!(frame["recovered"], Value::Null);
    assert_eq!(frame["actor"], json!({"name": "bob", "email": "bob@example.org"}));
    assert_eq!(frame["comment"]["author"], json!({"id": BOB, "name": "bob"}));
    assert_eq!(frame["comment"]["content"], "Hi");
    assert!(frame["occurredAt"].as_str().unwrap().ends_with('Z'));
    assert!(event.occurred_at.is_some());
    assert_eq!(world.fake.calls("ProjectService/ReadEvents").len(), 1, "by the fast path");
}

#[tokio::test]
async fn a_project_tells_of_everything_and_a_task_of_its_comments_and_its_end() {
    let world = World::start().await;
    let mut client = ann(&world).await;
    begin(&mut client, "task", COMMENTS, None).await;
    world.publish(&world.store.update_task("acme", "WEB-1")).await;
    world.comment("WEB-2", "elsewhere").await;
    world.comment("WEB-1", "here").await;
    world.publish(&world.store.delete_task("acme", "WEB-1")).await;
    assert_eq!(contents(&mut client, "task", 1).await, ["here"]);
    let end = heard(&mut client, "task").await;
    assert_eq!((&end["kind"], &end["comment"]), (&json!("task.deleted"), &Value::Null));

    assert_eq!(begin(&mut client, "project", EVENTS, Some(&at(&world, 0))).await, (at(&world, 0), true));
    let updated = heard(&mut client, "project").await;
    assert_eq!(updated["kind"], "task.updated");
    assert_eq!(updated["task"], json!({"taskId": "WEB-1", "liveCursor": at(&world, 1)}));
    assert_eq!(updated["changes"], json!([{"field": "status", "from": "TODO", "to": "DONE"}]));
    assert_eq!(contents(&mut client, "project", 2).await, ["elsewhere", "here"]);
    let deleted = heard(&mut client, "project").await;
    assert_eq!((&deleted["kind"], &deleted["changes"]), (&json!("task.deleted"), &Value::Null));
}

#[tokio::test]
async fn what_was_missed_comes_first_or_it_is_said_that_it_cannot() {
    let world = World::start().await;
    for number in 1..=450 {
        world.store.comment("acme", if number % 3 == 0 { "WEB-2" } else { "WEB-1" }, &number.to_string());
    }
    let mut client = ann(&world).await;
    assert_eq!(begin(&mut client, "a", EVENTS, Some(&at(&world, 2))).await, (at(&world, 2), true));
    let expected: Vec<String> = (3..=450).map(|number: u32| number.to_string()).collect();
    assert_eq!(contents(&mut client, "a", 448).await, expected);
    assert_eq!(begin(&mut client, "b", COMMENTS, Some(&at(&world, 440))).await, (at(&world, 440), true));
    assert_eq!(contents(&mut client, "b", 6).await, ["442", "443", "445", "446", "448", "449"]);
    let scope = world.store.scope("acme", "web");
    world.store.lock().scopes.get_mut(&scope).unwrap().oldest = 400;
    assert_eq!(begin(&mut client, "c", COMMENTS, Some(&at(&world, 399))).await, (at(&world, 450), false));
    subscribe(&mut client, "d", COMMENTS, Some("nonsense")).await;
    let refused = client.next().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("d")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "invalid_request");
    world.comment("WEB-1", "goes on").await;
    for _ in ["a", "b", "c"] {
        let frame = client.next().await;
        let data = frame["payload"]["data"].as_object().unwrap().values().next().unwrap();
        assert_eq!(data["comment"]["content"], "goes on", "{frame}");
    }
}

#[tokio::test]
async fn a_database_made_anew_is_said_to_who_listens() {
    let world = World::start().await;
    world.store.comment("acme", "WEB-1", "one");
    world.store.comment("acme", "WEB-1", "two");
    let mut client = ann(&world).await;
    begin(&mut client, "a", COMMENTS, None).await;
    let scope = world.store.scope("acme", "web");
    {
        let mut known = world.store.lock();
        known.epoch = uuid::Uuid::now_v7();
        known.scopes.get_mut(&scope).unwrap().events.truncate(1);
    }
    let frame = heard(&mut client, "a").await;
    assert_eq!((&frame["cursor"], &frame["recovered"]), (&json!(at(&world, 1)), &json!(false)));
    world.comment("WEB-1", "anew").await;
    assert_eq!(contents(&mut client, "a", 1).await, ["anew"]);
}

#[tokio::test]
async fn a_quiet_topic_is_told_its_position() {
    let quick = Duration::from_millis(100);
    let world = World::with(Limits { quiet: quick, ..limits() }, Fast::Path).await;
    let mut client = ann(&world).await;
    begin(&mut client, "a", COMMENTS, None).await;
    let frame = heard(&mut client, "a").await;
    assert_eq!((&frame["cursor"], &frame["recovered"]), (&json!(at(&world, 0)), &Value::Null));
    // It moves over what is not its own.
    world.comment("WEB-2", "elsewhere").await;
    world.publish(&world.store.update_task("acme", "WEB-1")).await;
    while heard(&mut client, "a").await["cursor"] != at(&world, 2) {}
}

#[tokio::test]
async fn what_one_may_not_hear_is_refused() {
    let world = World::start().await;
    let mut client = ann(&world).await;
    let mut nobody = Client::at(world.address, "/graphql/", "graphql-transport-ws", &[]).await;
    nobody.say(json!({"type": "connection_init"})).await;
    assert_eq!(nobody.next().await["type"], "connection_ack");
    let comments = |org: &str, task: &str| COMMENTS.replace("acme", org).replace("web-1", task);
    let events = |project: &str| EVENTS.replace("\"web\"", &format!("\"{project}\""));
    let (no_access, no_task) = ("You don't have access to this organization", "Task not found");
    let (no_project, signed_out) = ("Project not found", "You do not have permission to perform this action");
    for (signed_in, query, message, code) in [
        (true, comments("nobody", "WEB-1"), no_access, "not_found"),
        (true, comments("acme", "WEB-9"), no_task, "not_found"),
        (true, events("nothing"), no_project, "not_found"),
        // A key is no slug.
        (true, events("WEB"), no_project, "not_found"),
        (true, events("WEB").replace("acme", "nobody"), no_access, "not_found"),
        (false, comments("acme", "WEB-1"), signed_out, "unauthenticated"),
    ] {
        let client = if signed_in { &mut client } else { &mut nobody };
        subscribe(client, "a", &query, None).await;
        let frame = client.next().await;
        assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("a")), "{frame}");
        let error = &frame["payload"][0];
        assert_eq!((&error["message"], &error["extensions"]["code"]), (&json!(message), &json!(code)), "{query}");
    }
}

#[tokio::test]
async fn the_end_of_a_membership_ends_what_belongs_to_it() {
    let world = World::start().await;
    let mut client = ann(&world).await;
    begin(&mut client, "a", COMMENTS, None).await;
    let other = COMMENTS.replace("acme", "other").replace("web-1", "OPS-1");
    begin(&mut client, "b", &other, None).await;
    world.store.remove(ACME, ANN, true);
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("a")), "{frame}");
    assert_eq!(frame["payload"][0]["extensions"]["code"], "not_found");
    world.comment("WEB-1", "for members").await;
    world.publish(&world.store.comment("other", "OPS-1", "elsewhere")).await;
    assert_eq!(contents(&mut client, "b", 1).await, ["elsewhere"]);
}

#[tokio::test]
async fn where_changes_cannot_be_told_every_access_is_checked_again() {
    let world = World::start().await;
    let mut client = ann(&world).await;
    begin(&mut client, "a", COMMENTS, None).await;
    let other = COMMENTS.replace("acme", "other").replace("web-1", "OPS-1");
    begin(&mut client, "b", &other, None).await;
    world.store.remove(ACME, ANN, false);
    world.store.forget_memberships();
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("a")), "{frame}");
    world.publish(&world.store.comment("other", "OPS-1", "elsewhere")).await;
    assert_eq!(contents(&mut client, "b", 1).await, ["elsewhere"]);
}

#[tokio::test]
async fn who_reads_slowly_misses_nothing_and_holds_up_nobody() {
    let world = World::start().await;
    let text = |number: usize| format!("{number} {}", "x".repeat(20_000));
    let url = format!("ws://{}/graphql", world.address);
    let stream = crate::slow::narrow(world.address).await;
    let mut slow = Client::upgraded(stream, &url, "graphql-transport-ws", &[]).await.0;
    slow.say(json!({"type": "connection_init", "payload": {"token": token(ANN, session(1), 600)}})).await;
    slow.next().await;
    begin(&mut slow, "a", EVENTS, None).await;
    let mut quick = world.ann_live_at("project:acme/web").await;
    for number in 0..600 {
        world.comment("WEB-1", &text(number)).await;
        assert_eq!(quick.event().await.0.split(' ').next(), Some(&*number.to_string()));
    }
    for number in 0..600 {
        assert_eq!(contents(&mut slow, "a", 1).await[0].split(' ').next(), Some(&*number.to_string()));
    }
}
