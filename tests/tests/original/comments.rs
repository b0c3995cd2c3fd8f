//! `createTaskComment`, and the list that it adds to.

use serde_json::json;

use super::{COMMENT, NO_ACCESS, NO_PERMISSION, instant, join, organization, world};

const LIST: &str =
    "query($org: String!, $task: String!) { taskComments(orgSlug: $org, taskId: $task) { content author { name } } }";

#[tokio::test]
async fn members_comment_in_their_own_names() {
    let w = world().await;
    w.project().await;
    let task = w.task("One").await;
    let variables = |content: &str| json!({"orgSlug": w.org, "taskId": "website-1", "content": content});
    let comment = w.ben.graph().done(COMMENT, variables("  How about green?\n")).await["comment"].clone();
    assert_eq!((&comment["content"], &comment["author"]), (&json!("How about green?"), &w.ben.user));
    assert_eq!(comment["task"]["taskId"], task["taskId"]);
    assert!(instant(&comment["timestamp"]) >= instant(&task["createdAt"]));
    w.ada.graph().done(COMMENT, variables("Blue, 🙂")).await;
    let list = w.ben.graph().field(LIST, json!({"org": w.org, "task": "WEBSITE-1"})).await;
    let wanted = json!([
        {"content": "How about green?", "author": {"name": "Ben"}},
        {"content": "Blue, 🙂", "author": {"name": "Ada"}},
    ]);
    assert_eq!(list, wanted);
}

#[tokio::test]
async fn a_comment_is_refused_with_bad_values_where_no_task_is_and_to_strangers() {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    let graph = w.ben.graph();
    for content in ["", "  \n\t ", &"x".repeat(20_001)] {
        let errors = graph.failed(COMMENT, json!({"orgSlug": w.org, "taskId": "WEBSITE-1", "content": content})).await;
        assert!(errors.len() == 1 && errors[0].starts_with("content"), "{errors:?}");
    }
    for id in ["WEBSITE-2", "nonsense", ""] {
        let errors = graph.failed(COMMENT, json!({"orgSlug": w.org, "taskId": id, "content": "x"})).await;
        assert_eq!(errors, ["Task not found"], "{id:?}");
    }
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for org in [w.org.as_str(), "there-is-no-such-organization"] {
        for (task, content) in [("WEBSITE-1", "x"), ("WEBSITE-9", "x"), ("WEBSITE-1", "")] {
            let variables = json!({"orgSlug": org, "taskId": task, "content": content});
            assert_eq!(eve.graph().failed(COMMENT, variables.clone()).await, [NO_ACCESS], "{variables}");
            assert_eq!(w.api.graph().failed(COMMENT, variables.clone()).await, [NO_PERMISSION], "{variables}");
        }
    }
    assert_eq!(graph.field(LIST, json!({"org": w.org, "task": "WEBSITE-1"})).await, json!([]));
}
