//! Documents as clients write them: variables with defaults, conditions, characters in any spelling.

use serde_json::{Value, json};

use super::{each, world};

#[tokio::test]
async fn what_is_not_given_has_its_default() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let graph = w.ben.graph();
    let query = "query($org: String!, $status: TaskStatus = TODO, $filter: TaskFilter = {status: TODO},
                       $orderBy: TaskOrder = {field: TASK_ID, direction: DESC}) {
        organization(slug: $org) {
            tasks(filter: {status: $status}, orderBy: $orderBy) { nodes { taskId } }
            project(slug: \"WEB\") { tasks(filter: $filter, orderBy: $orderBy) { nodes { taskId } } }
        }
    }";
    let found = graph.field(query, json!({"org": w.org})).await;
    for path in ["/tasks/nodes", "/project/tasks/nodes"] {
        assert_eq!(each(found.pointer(path).unwrap_or(&Value::Null), "taskId"), ["WEB-2", "WEB-1"], "{path}");
    }
    let done = graph.field(query, json!({"org": w.org, "status": "DONE"})).await;
    assert_eq!(done["tasks"]["nodes"], json!([]));

    let query = "query($org: String!, $direction: OrderDirection) {
        organization(slug: $org) { tasks(orderBy: {field: TASK_ID, direction: $direction}) { nodes { taskId } } }
    }";
    for (given, wanted) in [
        (json!({}), ["WEB-1", "WEB-2"]),
        (json!({"direction": null}), ["WEB-1", "WEB-2"]),
        (json!({"direction": "DESC"}), ["WEB-2", "WEB-1"]),
    ] {
        let mut variables = given.clone();
        variables["org"] = json!(w.org);
        assert_eq!(each(&graph.field(query, variables).await["tasks"]["nodes"], "taskId"), wanted, "{given}");
    }
}

#[tokio::test]
async fn conditions_stand_on_every_field() {
    let w = world().await;
    let query = "query($yes: Boolean!) { me { name ...Type kind: __typename @skip(if: $yes) } }
                 fragment Type on User { __typename @include(if: $yes) }";
    let graph = w.ada.graph();
    assert_eq!(graph.field(query, json!({"yes": true})).await, json!({"name": "Ada", "__typename": "User"}));
    assert_eq!(graph.field(query, json!({"yes": false})).await, json!({"name": "Ada", "kind": "User"}));
}

#[tokio::test]
async fn characters_come_in_any_spelling() {
    let w = world().await;
    let comment = r#"mutation($org: String!) { createTaskComment(orgSlug: $org, taskId: "WEB-1",
        content: "\ud83d\ude00 \u{1F600} 😀 \u00e9 \\ud83d") { success errors comment { content } } }"#;
    let made = w.ada.graph().done(comment, json!({"org": w.org})).await;
    assert_eq!(made["comment"]["content"], r"😀 😀 😀 é \ud83d");
}

/// Caches of clients keep one object for an id.
#[tokio::test]
async fn one_is_the_same_person_wherever_one_stands() {
    let w = world().await;
    w.comment("Hello").await;
    let query = "query($org: String!) { me { id createdAt } task(orgSlug: $org, taskId: \"WEB-1\") {
        createdBy { id createdAt } comments { nodes { author { id createdAt } } } } }";
    let own = w.ada.graph().data(query, json!({"org": w.org})).await;
    assert!(own["me"]["createdAt"].is_string(), "{own}");
    assert_eq!(own["task"]["createdBy"], own["me"]);
    assert_eq!(own["task"]["comments"]["nodes"][0]["author"], own["me"]);
    let others = w.ben.graph().data(query, json!({"org": w.org})).await;
    assert_eq!(others["task"]["createdBy"], json!({"id": own["me"]["id"], "createdAt": null}));
}
