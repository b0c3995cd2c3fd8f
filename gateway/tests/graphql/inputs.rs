//! Absent, null and "" in inputs, as they reach the services.

use serde_json::json;
use trellis_proto::project::v1::{
    CreateProjectRequest, CreateProjectResponse, CreateTaskRequest, CreateTaskResponse, DeleteProjectRequest,
    DeleteProjectResponse, Nullable, UpdateProjectRequest, UpdateProjectResponse, UpdateTaskRequest,
    UpdateTaskResponse,
};

use crate::world::{World, ann};

const CREATE_TASK: &str = "mutation($input: TaskInput!) { createTask(input: $input) { success errors } }";
const UPDATE_TASK: &str = r#"mutation($input: UpdateTaskInput!) {
    updateTask(taskId: "WEB-1", orgSlug: "acme", input: $input) { success errors }
}"#;
const CREATE_PROJECT: &str = "mutation($input: ProjectInput!) { createProject(input: $input) { success errors } }";
const UPDATE_PROJECT: &str = r#"mutation($slug: String!, $input: UpdateProjectInput!) {
    updateProject(projectSlug: $slug, organizationSlug: "acme", input: $input) { success errors }
}"#;

#[tokio::test]
async fn a_new_task_takes_empty_for_not_given() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/CreateTask", |_: CreateTaskRequest, _| Ok(CreateTaskResponse::default()));
    let bare = CreateTaskRequest {
        org: "acme".into(),
        project: "web".into(),
        title: "Paint".into(),
        ..CreateTaskRequest::default()
    };
    let empty = json!({
        "description": "", "status": "", "dueDate": "", "assigneeEmail": "", "assigneeId": "",
    });
    let null = json!({
        "description": null, "status": null, "dueDate": null, "assigneeEmail": null, "assigneeId": null,
    });
    for optional in [json!({}), empty, null] {
        let mut input = json!({ "organizationSlug": "acme", "projectSlug": "web", "title": "Paint" });
        input.as_object_mut().unwrap().append(&mut optional.as_object().unwrap().clone());
        world.payload(ann(), CREATE_TASK, json!({ "input": input })).await;
        assert_eq!(fake.asked::<CreateTaskRequest>("ProjectService/CreateTask"), bare, "{input}");
    }

    let full = json!({
        "organizationSlug": "acme", "projectSlug": "web", "title": "Paint", "description": "Red", "status": "DONE",
        "dueDate": "2026-01-31T09:30:00Z", "assigneeEmail": "bob@example.org",
    });
    world.payload(ann(), CREATE_TASK, json!({ "input": full })).await;
    let asked: CreateTaskRequest = fake.asked("ProjectService/CreateTask");
    assert_eq!(asked.description, "Red");
    assert_eq!(asked.status.as_deref(), Some("DONE"));
    assert_eq!(asked.due_date.as_deref(), Some("2026-01-31T09:30:00Z"));
    assert_eq!(asked.assignee_email.as_deref(), Some("bob@example.org"));
}

#[tokio::test]
async fn in_a_changed_task_null_leaves_and_empty_clears() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/UpdateTask", |_: UpdateTaskRequest, _| Ok(UpdateTaskResponse::default()));
    let untouched = UpdateTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), ..UpdateTaskRequest::default() };
    let null = json!({
        "title": null, "description": null, "status": null, "dueDate": null, "assigneeEmail": null,
        "assigneeId": null, "expectedVersion": null,
    });
    for input in [json!({}), null] {
        world.payload(ann(), UPDATE_TASK, json!({ "input": input })).await;
        assert_eq!(fake.asked::<UpdateTaskRequest>("ProjectService/UpdateTask"), untouched);
    }

    let cleared = Some(Nullable { value: None });
    let input = json!({ "description": "", "dueDate": "", "assigneeEmail": "", "assigneeId": "" });
    world.payload(ann(), UPDATE_TASK, json!({ "input": input })).await;
    let expected = UpdateTaskRequest {
        description: Some(String::new()),
        due_date: cleared.clone(),
        assignee_email: cleared.clone(),
        assignee_id: cleared,
        ..untouched.clone()
    };
    assert_eq!(fake.asked::<UpdateTaskRequest>("ProjectService/UpdateTask"), expected);

    let input = json!({ "status": "", "dueDate": "2026-01-31", "expectedVersion": 4 });
    world.payload(ann(), UPDATE_TASK, json!({ "input": input })).await;
    let expected = UpdateTaskRequest {
        status: Some(String::new()),
        due_date: Some(Nullable { value: Some("2026-01-31".into()) }),
        expected_version: Some(4),
        ..untouched
    };
    assert_eq!(fake.asked::<UpdateTaskRequest>("ProjectService/UpdateTask"), expected, "a status is one of three");
}

#[tokio::test]
async fn projects_do_alike() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/CreateProject", |_: CreateProjectRequest, _| Ok(CreateProjectResponse::default()));
    fake.on("ProjectService/UpdateProject", |_: UpdateProjectRequest, _| Ok(UpdateProjectResponse::default()));

    let input = json!({
        "organizationSlug": "acme", "name": "Web", "slug": "", "key": "", "description": "", "status": "",
        "dueDate": "",
    });
    world.payload(ann(), CREATE_PROJECT, json!({ "input": input })).await;
    let bare = CreateProjectRequest { org: "acme".into(), name: "Web".into(), ..CreateProjectRequest::default() };
    assert_eq!(fake.asked::<CreateProjectRequest>("ProjectService/CreateProject"), bare);

    let input = json!({ "name": null, "dueDate": "" });
    world.payload(ann(), UPDATE_PROJECT, json!({ "slug": "web", "input": input })).await;
    let cleared = UpdateProjectRequest {
        org: "acme".into(),
        project: "web".into(),
        due_date: Some(Nullable { value: None }),
        ..UpdateProjectRequest::default()
    };
    assert_eq!(fake.asked::<UpdateProjectRequest>("ProjectService/UpdateProject"), cleared);
}

/// Services know a project by its key as well; clients of the original's operations do not.
#[tokio::test]
async fn a_project_is_addressed_by_its_slug_alone() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/CreateTask", |_: CreateTaskRequest, _| Ok(CreateTaskResponse::default()));
    fake.on("ProjectService/UpdateProject", |_: UpdateProjectRequest, _| Ok(UpdateProjectResponse::default()));
    fake.on("ProjectService/DeleteProject", |_: DeleteProjectRequest, _| Ok(DeleteProjectResponse::default()));

    world.payload(ann(), UPDATE_PROJECT, json!({ "slug": "WEB", "input": {} })).await;
    assert_eq!(fake.asked::<UpdateProjectRequest>("ProjectService/UpdateProject").project, "");
    let delete = r#"mutation { deleteProject(projectSlug: "WEB", organizationSlug: "acme") { success } }"#;
    world.payload(ann(), delete, json!({})).await;
    assert_eq!(fake.asked::<DeleteProjectRequest>("ProjectService/DeleteProject").project, "");
    let input = json!({ "organizationSlug": "acme", "projectSlug": "WEB", "title": "Paint" });
    world.payload(ann(), CREATE_TASK, json!({ "input": input })).await;
    assert_eq!(fake.asked::<CreateTaskRequest>("ProjectService/CreateTask").project, "");
}
