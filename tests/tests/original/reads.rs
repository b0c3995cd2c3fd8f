//! The queries of projects, tasks and comments: what is there, what is not, and who may ask.

use serde_json::{Value, json};

use super::{NO_ACCESS, NO_PERMISSION, instant, join, organization, world};

const PROJECTS: &str = "query Projects($orgSlug: String!) { projects(orgSlug: $orgSlug) {
  id name slug description status dueDate createdAt taskCount completedTasks } }";
const PROJECT: &str = "query Project($orgSlug: String!, $projectSlug: String!) {
  project(orgSlug: $orgSlug, projectSlug: $projectSlug) {
    id name slug description status dueDate createdAt taskCount completedTasks } }";
const TASKS: &str = "query Tasks($orgSlug: String!, $projectSlug: String!) {
  tasks(orgSlug: $orgSlug, projectSlug: $projectSlug) {
    id taskId title description status dueDate createdAt assignee { id email name } } }";
const TASK: &str = "query Task($orgSlug: String!, $taskId: String!) { task(orgSlug: $orgSlug, taskId: $taskId) {
    id taskId title description status dueDate createdAt assignee { id email name } } }";
const COMMENTS: &str = "query Comments($orgSlug: String!, $taskId: String!) {
  taskComments(orgSlug: $orgSlug, taskId: $taskId) {
    id content timestamp author { id email name } task { taskId } } }";

#[tokio::test]
async fn projects_and_tasks_are_listed_by_creation_and_comments_oldest_first() {
    let w = world().await;
    let graph = w.ben.graph();
    assert_eq!(graph.field(PROJECTS, json!({"orgSlug": w.org})).await, json!([]));
    let project = w.project().await;
    for name in ["Zebra", "Aardvark"] {
        w.ada.project(&w.org, json!({"name": name})).await;
    }
    let (first, second) = (w.task("Zoo").await, w.task("Ark").await);
    let done = json!({"status": "DONE"});
    w.ben.patch(&format!("/organizations/{}/tasks/WEBSITE-1", w.org), done).await.expect(200);

    let projects = graph.field(PROJECTS, json!({"orgSlug": w.org})).await;
    let names: Vec<_> = projects.as_array().unwrap().iter().map(|project| project["name"].clone()).collect();
    assert_eq!(names, ["Website", "Zebra", "Aardvark"]);
    let one = graph.field(PROJECT, json!({"orgSlug": w.org, "projectSlug": "website"})).await;
    assert_eq!(one, projects[0]);
    assert_eq!((&one["taskCount"], &one["completedTasks"]), (&json!(2), &json!(1)));
    assert_eq!((&one["id"], &one["status"], &one["dueDate"]), (&project["id"], &json!("ACTIVE"), &Value::Null));
    instant(&one["createdAt"]);

    let tasks = graph.field(TASKS, json!({"orgSlug": w.org, "projectSlug": "website"})).await;
    let ids: Vec<_> = tasks.as_array().unwrap().iter().map(|task| task["taskId"].clone()).collect();
    assert_eq!(ids, ["WEBSITE-1", "WEBSITE-2"]);
    assert_eq!(tasks[1], second);
    assert_eq!((&tasks[0]["id"], &tasks[0]["status"]), (&first["id"], &json!("DONE")));
    // A task's id in any case.
    for id in ["WEBSITE-2", "website-2", "WebSite-2"] {
        assert_eq!(graph.field(TASK, json!({"orgSlug": w.org, "taskId": id})).await, second, "{id}");
    }

    let said = [w.comment("WEBSITE-2", "first").await, w.comment("website-2", "second").await];
    let comments = graph.field(COMMENTS, json!({"orgSlug": w.org, "taskId": "WebSite-2"})).await;
    assert_eq!(comments, json!(said));
    assert_eq!(comments[0]["author"], w.ada.user);
    assert_eq!(comments[0]["task"]["taskId"], "WEBSITE-2");
    assert!(instant(&comments[0]["timestamp"]) <= instant(&comments[1]["timestamp"]));
}

#[tokio::test]
async fn what_is_not_there_is_null_and_its_list_is_empty() {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    let graph = w.ben.graph();
    // A slug in the wrong case is not there, and a project's key is no slug.
    for slug in ["no-such-project", "Website", "WEBSITE", ""] {
        let variables = json!({"orgSlug": w.org, "projectSlug": slug});
        assert_eq!(graph.field(PROJECT, variables.clone()).await, Value::Null, "{slug:?}");
        assert_eq!(graph.field(TASKS, variables).await, json!([]), "{slug:?}");
    }
    for id in ["WEBSITE-2", "WEBSITE-0", "OTHER-1", "WEBSITE", "nonsense", ""] {
        let variables = json!({"orgSlug": w.org, "taskId": id});
        assert_eq!(graph.field(TASK, variables.clone()).await, Value::Null, "{id:?}");
        assert_eq!(graph.field(COMMENTS, variables).await, json!([]), "{id:?}");
    }
}

#[tokio::test]
async fn who_is_no_member_is_refused_alike_whatever_is_there() {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    let queries = [
        (PROJECTS, json!({})),
        (PROJECT, json!({"projectSlug": "website"})),
        (PROJECT, json!({"projectSlug": "WEBSITE"})),
        (PROJECT, json!({"projectSlug": "no-such-project"})),
        (TASKS, json!({"projectSlug": "website"})),
        (TASKS, json!({"projectSlug": "Website"})),
        (TASKS, json!({"projectSlug": "no-such-project"})),
        (TASK, json!({"taskId": "WEBSITE-1"})),
        (TASK, json!({"taskId": "WEBSITE-9"})),
        (TASK, json!({"taskId": "nonsense"})),
        (COMMENTS, json!({"taskId": "WEBSITE-1"})),
        (COMMENTS, json!({"taskId": "nonsense"})),
    ];
    for (query, mut variables) in queries {
        for org in [w.org.as_str(), "there-is-no-such-organization", "", &w.org.to_uppercase()] {
            variables["orgSlug"] = json!(org);
            let refusal = eve.graph().refused(query, variables.clone()).await;
            assert_eq!(refusal, ("not_found".to_owned(), NO_ACCESS.to_owned()), "{query} {variables}");
            let refusal = w.api.graph().refused(query, variables.clone()).await;
            assert_eq!(refusal, ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()), "{query} {variables}");
        }
        // The member itself does not find its organization by a slug in the wrong case.
        variables["orgSlug"] = json!(w.org.to_uppercase());
        let refusal = w.ada.graph().refused(query, variables.clone()).await;
        assert_eq!(refusal, ("not_found".to_owned(), NO_ACCESS.to_owned()), "{query} {variables}");
    }
}

#[tokio::test]
async fn one_refused_field_leaves_the_others() {
    let w = world().await;
    let query =
        "query($org: String!) { me { id } projects(orgSlug: $org) { slug } other: projects(orgSlug: \"x\") { slug } }";
    let answer = w.ada.graph().post(query, json!({"org": w.org})).await;
    assert_eq!(answer.status.as_u16(), 200);
    let wanted = json!({"me": {"id": w.ada.id()}, "projects": [], "other": null});
    assert_eq!(answer.body["data"], wanted, "{}", answer.text);
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["path"], &errors[0]["message"]), (1, &json!(["other"]), &json!(NO_ACCESS)));
}
