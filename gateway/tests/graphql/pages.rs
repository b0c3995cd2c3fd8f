//! Connections: arguments on their way to the services, and their answers.

use serde_json::json;
use trellis_gateway::cursor::Cursor;
use trellis_proto::{
    event::v1::Position,
    org::v1::{GetOrganizationRequest, GetOrganizationResponse, Organization, Role},
    project::v1::{
        GetProjectRequest, GetProjectResponse, ListTasksOfProjectsRequest, ListTasksOfProjectsResponse,
        ListTasksRequest, ListTasksResponse, Page, Project, Task, list_tasks_of_projects_response::Of,
    },
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::{
    reading::{ann, read, respond},
    world::World,
};

fn position() -> Position {
    Position { epoch: Uuid::from_u128(1).to_string(), scope: Uuid::from_u128(2).to_string(), seq: 7 }
}

fn list() -> ListTasksResponse {
    ListTasksResponse {
        tasks: ["WEB-1", "WEB-2"].map(|id| Task { task_id: id.into(), ..Task::default() }).into(),
        cursors: vec!["one".into(), "two".into()],
        next_cursor: "two".into(),
        position: Some(position()),
    }
}

async fn world() -> World {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/GetProject", |request: GetProjectRequest, _| {
        let project = Project { id: "p1".into(), slug: request.project, ..Project::default() };
        Ok(GetProjectResponse { project: Some(project), position: Some(position()) })
    });
    fake.on("ProjectService/ListTasksOfProjects", |request: ListTasksOfProjectsRequest, _| {
        if request.page.is_some_and(|page| page.cursor == "bad") {
            let problem = Problem::new(Code::InvalidRequest, "The query is not right.");
            return Err(problem.with_field("cursor", "invalid", "is not one of this list").into());
        }
        let of = |project_id| Of { project_id, list: Some(list()) };
        Ok(ListTasksOfProjectsResponse { lists: request.project_ids.into_iter().map(of).collect() })
    });
    world
}

fn tasks(arguments: &str, fields: &str) -> String {
    format!(r#"{{ project(orgSlug: "acme", projectSlug: "web") {{ tasks{arguments} {{ {fields} }} }} }}"#)
}

#[tokio::test]
async fn a_page_forward() {
    let world = world().await;
    let query = tasks(
        r#"(first: 2, after: "zero", orderBy: { field: DUE_DATE, direction: DESC },
            filter: { status: IN_PROGRESS, assignee: { me: true }, search: "a b", dueBefore: "2026-02-01",
                      dueAfter: "2026-01-01T10:00:00Z" })"#,
        "nodes { taskId liveCursor } edges { cursor node { taskId } }
         pageInfo { hasNextPage hasPreviousPage startCursor endCursor } liveCursor",
    );
    let answer = read(&world, &query, json!({})).await;
    let cursor = Cursor::try_from(&position()).unwrap().to_string();
    let shown = json!({
        "nodes": [{ "taskId": "WEB-1", "liveCursor": cursor }, { "taskId": "WEB-2", "liveCursor": cursor }],
        "edges": [
            { "cursor": "one", "node": { "taskId": "WEB-1" } },
            { "cursor": "two", "node": { "taskId": "WEB-2" } },
        ],
        "pageInfo": { "hasNextPage": true, "hasPreviousPage": true, "startCursor": "one", "endCursor": "two" },
        "liveCursor": cursor,
    });
    assert_eq!(answer["tasks"], shown);
    let asked: ListTasksOfProjectsRequest = world.harness.fake.asked("ProjectService/ListTasksOfProjects");
    let expected = ListTasksOfProjectsRequest {
        org: "acme".into(),
        project_ids: vec!["p1".into()],
        page: Some(Page { limit: 2, cursor: "zero".into(), backward: false, with_cursors: true, all: false }),
        status: "IN_PROGRESS".into(),
        assignee: "me".into(),
        q: "a b".into(),
        due_before: "2026-02-01".into(),
        due_after: "2026-01-01T10:00:00Z".into(),
        sort: "-due_date".into(),
    };
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_page_backward_and_one_without_arguments() {
    let world = world().await;
    let fields = "pageInfo { hasNextPage hasPreviousPage }";
    let asked = || {
        let asked: ListTasksOfProjectsRequest = world.harness.fake.asked("ProjectService/ListTasksOfProjects");
        asked.page.unwrap()
    };
    let answer = read(&world, &tasks(r#"(last: 3, before: "nine")"#, fields), json!({})).await;
    assert_eq!(answer["tasks"]["pageInfo"], json!({ "hasNextPage": true, "hasPreviousPage": true }));
    let backward = Page { limit: 3, cursor: "nine".into(), backward: true, with_cursors: true, all: false };
    assert_eq!(asked(), backward);

    let answer = read(&world, &tasks("(after: null, orderBy: { field: TASK_ID })", fields), json!({})).await;
    assert_eq!(answer["tasks"]["pageInfo"], json!({ "hasNextPage": true, "hasPreviousPage": false }));
    let first = Page { limit: 20, cursor: String::new(), backward: false, with_cursors: true, all: false };
    assert_eq!(asked(), first);
}

#[tokio::test]
async fn the_tasks_of_an_organization() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("OrgService/GetOrganization", |request: GetOrganizationRequest, _| {
        let organization = Organization { slug: request.org, role: Role::Admin.into(), ..Organization::default() };
        Ok(GetOrganizationResponse { organization: Some(organization) })
    });
    fake.on("ProjectService/ListTasks", |_: ListTasksRequest, _| {
        Ok(ListTasksResponse { position: None, next_cursor: String::new(), ..list() })
    });
    let query = r#"{ organization(slug: "acme") { tasks(filter: { assignee: { none: true } }) {
        nodes { taskId liveCursor } pageInfo { hasNextPage } liveCursor
    } } }"#;
    let answer = read(&world, query, json!({})).await;
    let shown = json!({
        "nodes": [{ "taskId": "WEB-1", "liveCursor": null }, { "taskId": "WEB-2", "liveCursor": null }],
        "pageInfo": { "hasNextPage": false },
        "liveCursor": null,
    });
    assert_eq!(answer["tasks"], shown);
    let asked: ListTasksRequest = fake.asked("ProjectService/ListTasks");
    assert_eq!((&*asked.project, &*asked.assignee), ("", "none"));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_by_their_names() {
    let world = world().await;
    for (arguments, why) in [
        ("(first: 0)", "first must be a number from 1 to 100"),
        ("(first: 101)", "first must be a number from 1 to 100"),
        ("(last: -1)", "last must be a number from 1 to 100"),
        ("(first: 1, last: 1)", "Give first or last, not both"),
        (r#"(first: 1, before: "x")"#, "before goes with last"),
        (r#"(last: 1, after: "x")"#, "after goes with first"),
        (r#"(after: "bad")"#, "after is not one of this list"),
        (r#"(last: 1, before: "bad")"#, "before is not one of this list"),
        (r#"(filter: { assignee: { id: "" } })"#, "assignee.id must not be empty"),
        ("(filter: { assignee: { me: false } })", "assignee.me can only be true"),
    ] {
        let response = respond(&world, Some(ann()), &tasks(arguments, "nodes { id }"), json!({})).await;
        assert_eq!(response["errors"][0]["message"], why, "{arguments}: {response}");
        assert_eq!(response["errors"][0]["extensions"]["code"], "invalid_request", "{arguments}");
        assert_eq!(response["data"], json!({ "project": { "tasks": null } }));
    }
}
