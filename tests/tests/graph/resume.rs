//! A page read by query and the events that follow it join without a gap, whatever lies between.

use serde_json::{Value, json};
use trellis_tests::{GraphSocket, Socket};

use super::{
    subscriptions::{COMMENTS, PROJECT},
    world,
};

/// Of the things that events name, what the events tell.
const NAMED: &str = "subscription($org: String!, $project: String!, $after: String) {
  projectEvents(orgSlug: $org, projectSlug: $project, after: $after) {
    cursor kind recovered comment { task { __typename id taskId } } task { id project { ...Named } } } }
fragment Named on Project { slug key name }";

/// With `after` beside the others.
fn after(mut variables: Value, cursor: &Value) -> Value {
    assert!(cursor.is_string(), "no cursor: {cursor}");
    variables["after"] = cursor.clone();
    variables
}

#[tokio::test]
async fn a_subscription_continues_from_what_a_query_has_shown() {
    let w = world().await;
    w.comment("in the page").await;
    let query = "query($org: String!) { task(orgSlug: $org, taskId: \"WEB-1\") { liveCursor comments { liveCursor nodes { content } } } }";
    let task = w.ben.graph().field(query, json!({"org": w.org})).await;
    assert_eq!(task["comments"]["nodes"], json!([{"content": "in the page"}]));
    w.comment("after the page").await;

    let mut socket = GraphSocket::open(&w.api.base, &w.ben.token).await;
    for cursor in [&task["liveCursor"], &task["comments"]["liveCursor"]] {
        let (id, first) = socket.subscribe(COMMENTS, after(w.task_variables(), cursor)).await;
        assert_eq!((&first["recovered"], &first["cursor"]), (&json!(true), cursor));
        assert_eq!(socket.event(&id, "comment.created").await["comment"]["content"], "after the page");
        socket.complete(&id).await;
        socket.expect_nothing_pending().await;
    }
}

#[tokio::test]
async fn what_happened_while_one_was_away_arrives_once_and_in_order() {
    let w = world().await;
    let mut socket = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (id, _) = socket.subscribe(PROJECT, w.project_variables()).await;
    w.comment("before").await;
    let last = socket.event(&id, "comment.created").await["cursor"].clone();
    drop(socket);
    for n in 0..120 {
        w.comment(&format!("missed {n}")).await;
    }
    let mut socket = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (id, first) = socket.subscribe(PROJECT, after(w.project_variables(), &last)).await;
    assert_eq!((&first["recovered"], &first["cursor"]), (&json!(true), &last));
    let (_, cursor) = w.comment("live").await;
    let mut newest = Value::Null;
    for content in (0..120).map(|n| format!("missed {n}")).chain(["live".to_owned()]) {
        let event = socket.event(&id, "comment.created").await;
        assert_eq!(event["comment"]["content"], content);
        newest = event["cursor"].clone();
    }
    assert_eq!(newest, cursor);
    socket.expect_nothing_pending().await;

    // A cursor is one and the same in all protocols.
    let mut full = Socket::open(&w.api.base, &w.ada.token).await;
    let topic = format!("project:{}/website", w.org);
    assert_eq!(full.subscribe(&topic, last.as_str()).await["recovered"], true);
    assert_eq!(full.event("comment.created").await["event"]["data"]["content"], "missed 0");
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_not_recovered_and_deleted_things_can_be_replayed() {
    let w = world().await;
    w.ada.project(&w.org, json!({"name": "Other", "key": "OTH"})).await;
    let query = "query($org: String!, $slug: String!) { project(orgSlug: $org, projectSlug: $slug) { liveCursor } }";
    let cursor =
        async |slug: &str| w.ada.graph().field(query, json!({"org": w.org, "slug": slug})).await["liveCursor"].clone();
    let (other, before) = (cursor("other").await, cursor("website").await);
    let mut socket = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (id, first) = socket.subscribe(COMMENTS, after(w.task_variables(), &other)).await;
    assert_eq!((&first["recovered"], &first["cursor"]), (&json!(false), &before));
    w.comment("Hello").await;
    socket.event(&id, "comment.created").await;
    socket.complete(&id).await;

    let one = w.ada.get(&format!("/organizations/{}/tasks/WEB-1", w.org)).await.expect(200)["id"].clone();
    w.ada.task(&w.org, "WEB", "Two").await;
    w.ada.delete(&format!("/organizations/{}/projects/WEB", w.org)).await.expect(204);
    let (id, first) = socket.subscribe(PROJECT, after(w.project_variables(), &before)).await;
    assert_eq!(first["recovered"], true);
    socket.event(&id, "comment.created").await;
    socket.event(&id, "task.created").await;
    assert_eq!(socket.event(&id, "project.deleted").await["project"]["slug"], "website");
    socket.complete(&id).await;

    // What an event names is told with it, whether it is there any more or not.
    let (id, _) = socket.subscribe(NAMED, after(w.project_variables(), &before)).await;
    let comment = socket.event(&id, "comment.created").await;
    assert_eq!(comment["comment"]["task"], json!({"__typename": "Task", "id": one, "taskId": "WEB-1"}));
    let task = socket.event(&id, "task.created").await;
    assert_eq!(task["task"]["project"], json!({"slug": "website", "key": "WEB", "name": "Website"}));
    socket.event(&id, "project.deleted").await;
    socket.complete(&id).await;

    // Nothing is to come of it.
    for (document, variables, sentence) in
        [(PROJECT, w.project_variables(), "Project not found"), (COMMENTS, w.task_variables(), "Task not found")]
    {
        let id = socket.start(document, variables).await;
        assert_eq!(socket.end(&id).await, Some(("not_found".to_owned(), sentence.to_owned())));
    }
}
