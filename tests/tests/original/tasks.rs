//! `createTask`, `updateTask`, `deleteTask`.

use serde_json::{Value, json};

use super::{CREATE_TASK, NO_ACCESS, NO_PERMISSION, UPDATE_TASK, World, instant, join, organization, world};

const DELETE: &str = "mutation DeleteTask($taskId: String!, $orgSlug: String!) {
  deleteTask(taskId: $taskId, orgSlug: $orgSlug) { success errors } }";

impl World {
    fn new_task(&self, mut input: Value) -> Value {
        input["organizationSlug"] = json!(self.org);
        if input.get("projectSlug").is_none() {
            input["projectSlug"] = json!("website");
        }
        json!({"input": input})
    }

    fn change(&self, task: &str, input: &Value) -> Value {
        json!({"orgSlug": self.org, "taskId": task, "input": input})
    }
}

fn at(text: &str) -> chrono::DateTime<chrono::Utc> {
    instant(&json!(text))
}

#[tokio::test]
async fn a_task_is_created_with_what_is_given_and_defaults_for_the_rest() {
    let w = world().await;
    w.project().await;
    let graph = w.ben.graph();
    let create = async |input: Value| graph.done(CREATE_TASK, w.new_task(input)).await["task"].clone();
    let bare = create(json!({"title": "Draw"})).await;
    instant(&bare["createdAt"]);
    let wanted = json!({"id": bare["id"], "taskId": "WEBSITE-1", "title": "Draw", "description": "", "status": "TODO",
        "dueDate": null, "createdAt": bare["createdAt"], "assignee": null});
    assert_eq!(bare, wanted);

    let full = create(json!({"title": "Paint", "description": "In green", "status": "IN_PROGRESS",
        "dueDate": "2030-01-31", "assigneeEmail": w.ada.email().to_uppercase()}))
    .await;
    assert_eq!((&full["taskId"], &full["title"]), (&json!("WEBSITE-2"), &json!("Paint")));
    assert_eq!((&full["description"], &full["status"]), (&json!("In green"), &json!("IN_PROGRESS")));
    assert_eq!(full["assignee"], w.ada.user);
    assert_eq!(instant(&full["dueDate"]), at("2030-01-31T00:00:00Z"), "a date is its first moment, UTC");

    for (given, meant) in [
        ("2030-01-31T09:30:00Z", "2030-01-31T09:30:00Z"),
        ("2030-01-31T09:30:00.250Z", "2030-01-31T09:30:00.250Z"),
        ("2030-01-31T09:30:00+02:00", "2030-01-31T07:30:00Z"),
    ] {
        let task = create(json!({"title": "x", "dueDate": given})).await;
        assert_eq!(instant(&task["dueDate"]), at(meant), "{given}");
    }
    // What is empty or null is not given.
    for none in [Value::Null, json!("")] {
        let task =
            create(json!({"title": "x", "dueDate": none, "assigneeEmail": none, "status": none, "description": none}))
                .await;
        let found = (&task["dueDate"], &task["assignee"], &task["status"], &task["description"]);
        assert_eq!(found, (&Value::Null, &Value::Null, &json!("TODO"), &json!("")), "{none}");
    }
}

#[tokio::test]
async fn a_task_is_not_created_with_bad_values_or_where_no_project_is() {
    let w = world().await;
    w.project().await;
    let graph = w.ben.graph();
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for (input, sentence) in [
        (json!({"title": "x", "assigneeEmail": "nobody@example.test"}), "User with this email not found"),
        (json!({"title": "x", "assigneeEmail": eve.email()}), "Assignee must be a member of the organization"),
        (json!({"title": "x", "projectSlug": "no-such-project"}), "Project not found"),
        // A slug in the wrong case, and a key, are not there.
        (json!({"title": "x", "projectSlug": "Website"}), "Project not found"),
        (json!({"title": "x", "projectSlug": "WEBSITE"}), "Project not found"),
        (json!({"title": "", "projectSlug": "WEBSITE"}), "Project not found"),
        (json!({"title": "x", "projectSlug": ""}), "Project not found"),
    ] {
        assert_eq!(graph.failed(CREATE_TASK, w.new_task(input.clone())).await, [sentence], "{input}");
    }
    for (input, field) in [
        (json!({"title": " "}), "title"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"title": "x", "description": "x".repeat(20_001)}), "description"),
        (json!({"title": "x", "status": "OPEN"}), "status"),
        (json!({"title": "x", "status": "todo"}), "status"),
    ] {
        let errors = graph.failed(CREATE_TASK, w.new_task(input.clone())).await;
        assert!(errors.len() == 1 && errors[0].starts_with(field), "{field}: {errors:?}");
    }
    let bad = json!({"title": "", "status": "x", "assigneeEmail": "nobody@example.test"});
    let errors = graph.failed(CREATE_TASK, w.new_task(bad)).await;
    assert!(errors.len() >= 2, "all bad fields at once: {errors:?}");
    graph.post(CREATE_TASK, w.new_task(json!({"title": "x", "dueDate": "soon"}))).await.not_run(400);
    // No number was used up.
    assert_eq!(w.task("First").await["taskId"], "WEBSITE-1");
}

#[tokio::test]
async fn a_task_is_updated_in_what_is_given_alone() {
    let w = world().await;
    w.project().await;
    let mut wanted = w.task("Draw").await;
    let graph = w.ben.graph();
    let ada = &w.ada.user;
    for (task, input, changes) in [
        ("WEBSITE-1", json!({"title": "Paint"}), json!({"title": "Paint"})),
        ("website-1", json!({"status": "IN_PROGRESS"}), json!({"status": "IN_PROGRESS"})),
        (
            "Website-1",
            json!({"description": "Green", "status": "DONE"}),
            json!({"description": "Green", "status": "DONE"}),
        ),
        ("WEBSITE-1", json!({"assigneeEmail": w.ada.email()}), json!({"assignee": ada})),
        // Null leaves a field as it is, and so does its absence.
        (
            "WEBSITE-1",
            json!({"title": null, "description": null, "status": null, "dueDate": null, "assigneeEmail": null}),
            json!({}),
        ),
        ("WEBSITE-1", json!({}), json!({})),
        ("WEBSITE-1", json!({"assigneeEmail": w.ben.email()}), json!({"assignee": w.ben.user})),
        ("WEBSITE-1", json!({"assigneeEmail": ""}), json!({"assignee": null})),
        ("WEBSITE-1", json!({"assigneeEmail": "", "description": ""}), json!({"description": ""})),
    ] {
        let payload = graph.done(UPDATE_TASK, w.change(task, &input)).await;
        for (name, value) in changes.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        assert_eq!(payload["task"], wanted, "{input}");
    }
    let due =
        async |input: Value| graph.done(UPDATE_TASK, w.change("WEBSITE-1", &input)).await["task"]["dueDate"].clone();
    assert_eq!(instant(&due(json!({"dueDate": "2030-01-31"})).await), at("2030-01-31T00:00:00Z"));
    assert_eq!(instant(&due(json!({"dueDate": "2030-01-31T10:00:00+01:00"})).await), at("2030-01-31T09:00:00Z"));
    assert_eq!(instant(&due(json!({"dueDate": null})).await), at("2030-01-31T09:00:00Z"));
    assert_eq!(instant(&due(json!({"title": "x"})).await), at("2030-01-31T09:00:00Z"));
    assert_eq!(due(json!({"dueDate": ""})).await, Value::Null);
}

#[tokio::test]
async fn a_task_is_not_updated_with_bad_values_or_where_it_is_not() {
    let w = world().await;
    w.project().await;
    let made = w.task("Draw").await;
    let graph = w.ben.graph();
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for (input, sentence) in [
        (json!({"assigneeEmail": "nobody@example.test"}), "User with this email not found"),
        (json!({"assigneeEmail": eve.email()}), "Assignee must be a member of the organization"),
    ] {
        assert_eq!(graph.failed(UPDATE_TASK, w.change("WEBSITE-1", &input)).await, [sentence]);
    }
    for (input, field) in [
        (json!({"title": ""}), "title"),
        (json!({"status": "done"}), "status"),
        (json!({"status": ""}), "status"),
        (json!({"dueDate": "soon"}), "dueDate"),
        (json!({"dueDate": "2030-02-30"}), "dueDate"),
    ] {
        let errors = graph.failed(UPDATE_TASK, w.change("WEBSITE-1", &input)).await;
        assert!(errors.len() == 1 && errors[0].starts_with(field), "{input}: {errors:?}");
    }
    for id in ["WEBSITE-2", "OTHER-1", "nonsense", ""] {
        let errors = graph.failed(UPDATE_TASK, w.change(id, &json!({"title": "x"}))).await;
        assert_eq!(errors, ["Task not found"], "{id:?}");
    }
    let query = "query($org: String!) { task(orgSlug: $org, taskId: \"WEBSITE-1\") {
      id taskId title description status dueDate createdAt assignee { id email name } } }";
    assert_eq!(graph.field(query, json!({"org": w.org})).await, made, "nothing was changed");
}

#[tokio::test]
async fn a_task_is_deleted_by_a_member() {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    w.task("Two").await;
    let graph = w.ben.graph();
    let at = |id: &str| json!({"taskId": id, "orgSlug": w.org});
    for id in ["WEBSITE-9", "nonsense", ""] {
        assert_eq!(graph.failed(DELETE, at(id)).await, ["Task not found"], "{id:?}");
    }
    graph.done(DELETE, at("website-1")).await;
    assert_eq!(graph.failed(DELETE, at("WEBSITE-1")).await, ["Task not found"]);
    let query = "query($org: String!) { tasks(orgSlug: $org, projectSlug: \"website\") { taskId } }";
    assert_eq!(graph.field(query, json!({"org": w.org})).await, json!([{"taskId": "WEBSITE-2"}]));
}

#[tokio::test]
async fn tasks_are_written_by_members_alone() {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for org in [w.org.as_str(), "there-is-no-such-organization"] {
        for (project, task) in [("website", "WEBSITE-1"), ("no-such-project", "WEBSITE-9")] {
            // Bad values beside it change nothing: the access is looked at first.
            let create = json!({"input": {"organizationSlug": org, "projectSlug": project, "title": "", "status": "x",
                "assigneeEmail": "nobody@example.test"}});
            let update =
                json!({"taskId": task, "orgSlug": org, "input": {"title": "", "assigneeEmail": w.ada.email()}});
            let delete = json!({"taskId": task, "orgSlug": org});
            for (mutation, variables) in [(CREATE_TASK, create), (UPDATE_TASK, update), (DELETE, delete)] {
                let at = format!("{mutation} {variables}");
                assert_eq!(eve.graph().failed(mutation, variables.clone()).await, [NO_ACCESS], "{at}");
                assert_eq!(w.api.graph().failed(mutation, variables).await, [NO_PERMISSION], "{at}");
            }
        }
    }
}
