//! The queries: who may ask, and what is not there.

use serde_json::{Value, json};
use trellis_proto::{
    identity::v1::{GetMeRequest, GetMeResponse, User},
    org::v1::{
        GetOrganizationRequest, GetOrganizationResponse, JoinPolicy, ListMembersRequest, ListMembersResponse,
        ListOrganizationsRequest, ListOrganizationsResponse, Member, Organization, Role,
    },
    project::v1::{
        GetProjectRequest, GetProjectResponse, GetTaskRequest, GetTaskResponse, ListCommentsRequest,
        ListCommentsResponse, ListProjectsRequest, ListProjectsResponse, ListTasksRequest, ListTasksResponse, Project,
        ProjectRef, ProjectStatus, Task, TaskStatus,
    },
};
use trellis_rpc::Problem;
use uuid::Uuid;

use crate::{
    gateway::{ANN, EVE, token},
    reading::{read, respond},
    world::World,
};

const NO_ACCESS: &str = "You don't have access to this organization";
const NO_PERMISSION: &str = "You do not have permission to perform this action";

/// Everything below an organization, each with what it is where nothing is found.
const BELOW: [(&str, Option<&str>); 7] = [
    (r#"{ organizationMembers(orgSlug: "acme") { role } }"#, None),
    (r#"{ projects(orgSlug: "acme") { id } }"#, None),
    (r#"{ project(orgSlug: "acme", projectSlug: "gone") { id } }"#, Some("null")),
    (r#"{ tasks(orgSlug: "acme", projectSlug: "gone") { id } }"#, Some("[]")),
    (r#"{ tasks(orgSlug: "acme", projectSlug: "") { id } }"#, Some("[]")),
    (r#"{ task(orgSlug: "acme", taskId: "WEB-9") { id } }"#, Some("null")),
    (r#"{ taskComments(orgSlug: "acme", taskId: "WEB-9") { id } }"#, Some("[]")),
];

fn organization(slug: &str, role: Role) -> Organization {
    Organization {
        id: format!("id-of-{slug}"),
        slug: slug.into(),
        role: role.into(),
        version: 3,
        join_policy: match role {
            Role::Unspecified => JoinPolicy::Unspecified.into(),
            _ => JoinPolicy::InviteOnly.into(),
        },
        ..Organization::default()
    }
}

/// An organization that Ann is a member of, with nothing in it.
async fn world() -> World {
    fn entered<T>(call: &crate::fake::Call, answer: Result<T, tonic::Status>) -> Result<T, tonic::Status> {
        if call.user == Some(ANN) { answer } else { Err(Problem::not_found("organization").into()) }
    }
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("OrgService/GetOrganization", |request: GetOrganizationRequest, call| {
        let organization = Some(organization(&request.org, Role::Member));
        entered(call, Ok(GetOrganizationResponse { organization }))
    });
    fake.on("OrgService/ListMembers", |_: ListMembersRequest, call| entered(call, Ok(ListMembersResponse::default())));
    fake.on("ProjectService/ListProjects", |_: ListProjectsRequest, call| {
        entered(call, Ok(ListProjectsResponse::default()))
    });
    fake.on("ProjectService/GetProject", |_: GetProjectRequest, call| {
        entered(call, Err::<GetProjectResponse, _>(Problem::not_found("project").into()))
    });
    fake.on("ProjectService/ListTasks", |_: ListTasksRequest, call| {
        entered(call, Err::<ListTasksResponse, _>(Problem::not_found("project").into()))
    });
    fake.on("ProjectService/GetTask", |_: GetTaskRequest, call| {
        entered(call, Err::<GetTaskResponse, _>(Problem::not_found("task").into()))
    });
    fake.on("ProjectService/ListComments", |_: ListCommentsRequest, call| {
        entered(call, Err::<ListCommentsResponse, _>(Problem::not_found("task").into()))
    });
    world
}

#[track_caller]
fn refused(response: &Value, message: &str, code: &str) {
    assert_eq!(response["errors"].as_array().unwrap().len(), 1, "{response}");
    assert_eq!(response["errors"][0]["message"], message, "{response}");
    assert_eq!(response["errors"][0]["extensions"]["code"], code, "{response}");
    assert!(response["data"].as_object().unwrap().values().all(Value::is_null), "{response}");
}

#[tokio::test]
async fn what_is_not_there_is_null_or_an_empty_list() {
    let world = world().await;
    for (query, nothing) in BELOW {
        let expected: Value = serde_json::from_str(nothing.unwrap_or("[]")).unwrap();
        assert_eq!(read(&world, query, json!({})).await, expected, "{query}");
    }
}

#[tokio::test]
async fn strangers_learn_nothing_and_nobody_less() {
    let world = world().await;
    let organization = [(r#"{ organization(slug: "acme") { id } }"#, None)];
    for (query, _) in BELOW.iter().chain(&organization) {
        let eve = respond(&world, Some(token(EVE, 600)), query, json!({})).await;
        refused(&eve, NO_ACCESS, "not_found");
        refused(&respond(&world, None, query, json!({})).await, NO_PERMISSION, "unauthenticated");
        let late = respond(&world, Some(token(ANN, -5000)), query, json!({})).await;
        refused(&late, NO_PERMISSION, "token_expired");
        refused(&respond(&world, Some("x".to_owned()), query, json!({})).await, NO_PERMISSION, "unauthenticated");
    }
    for query in ["{ me { id } }", "{ myOrganizations { id } }"] {
        refused(&respond(&world, None, query, json!({})).await, NO_PERMISSION, "unauthenticated");
    }
}

#[tokio::test]
async fn a_key_is_no_slug() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/GetProject", |_: GetProjectRequest, _| {
        let project = Project { slug: "web".into(), key: "WEB".into(), ..Project::default() };
        Ok(GetProjectResponse { project: Some(project), position: None })
    });
    fake.on("ProjectService/ListTasks", |_: ListTasksRequest, _| {
        let project = Some(ProjectRef { slug: "web".into(), ..ProjectRef::default() });
        Ok(ListTasksResponse { tasks: vec![Task { project, ..Task::default() }], ..ListTasksResponse::default() })
    });
    for (slug, project, tasks) in
        [("web", json!({ "slug": "web" }), 1), ("WEB", Value::Null, 0), ("Web", Value::Null, 0)]
    {
        let variables = json!({ "slug": slug });
        let query = r#"query ($slug: String!) { project(orgSlug: "acme", projectSlug: $slug) { slug } }"#;
        assert_eq!(read(&world, query, variables.clone()).await, project, "{slug}");
        let query = r#"query ($slug: String!) { tasks(orgSlug: "acme", projectSlug: $slug) { id } }"#;
        let answer = read(&world, query, variables).await;
        assert_eq!(answer.as_array().unwrap().len(), tasks, "{slug}");
    }
}

#[tokio::test]
async fn the_directory_needs_no_good_token() {
    let world = World::start().await;
    world.harness.fake.on("OrgService/ListOrganizations", |request: ListOrganizationsRequest, call| {
        assert!(request.page.is_some_and(|page| page.all));
        let mut organizations = vec![organization("open", Role::Unspecified)];
        if call.user.is_some() {
            organizations.push(organization("acme", Role::Admin));
        }
        Ok(ListOrganizationsResponse { organizations, ..ListOrganizationsResponse::default() })
    });
    let query = "{ organizations { slug role joinPolicy version } }";
    let open = json!({ "slug": "open", "role": null, "joinPolicy": null, "version": null });
    let own = json!({ "slug": "acme", "role": "ADMIN", "joinPolicy": "INVITE_ONLY", "version": 3 });
    for ask in [None, Some("x".to_owned()), Some(token(ANN, -5000))] {
        assert_eq!(respond(&world, ask, query, json!({})).await, json!({ "data": { "organizations": [open] } }));
    }
    assert_eq!(read(&world, query, json!({})).await, json!([open, own]));

    let query = "{ organizations { slug projects { nodes { id } } } }";
    let response = respond(&world, None, query, json!({})).await;
    refused_below(&response);
    assert_eq!(world.harness.fake.calls("ProjectService/ListProjects").len(), 0);
}

/// Only what is asked of it is null.
#[track_caller]
fn refused_below(response: &Value) {
    assert_eq!(response["data"], json!({ "organizations": [{ "slug": "open", "projects": null }] }), "{response}");
    assert_eq!(response["errors"][0]["message"], NO_ACCESS);
    assert_eq!(response["errors"][0]["path"], json!(["organizations", 0, "projects"]));
}

#[tokio::test]
async fn oneself_and_the_members() {
    let world = world().await;
    let fake = &world.harness.fake;
    let created_at = Some(prost_types::Timestamp { seconds: 1_769_851_800, nanos: 123_000_000 });
    fake.on("IdentityService/GetMe", move |_: GetMeRequest, call| {
        let user = User {
            id: call.user.unwrap().to_string(),
            email: "ann@example.org".into(),
            name: "Ann".into(),
            created_at,
        };
        Ok(GetMeResponse { user: Some(user) })
    });
    fake.on("OrgService/ListMembers", |_: ListMembersRequest, _| {
        let member = |id: Uuid, role: Role| Member { user_id: id.to_string(), role: role.into(), joined_at: None };
        let members = vec![member(ANN, Role::Admin), member(EVE, Role::Member)];
        Ok(ListMembersResponse { members, ..ListMembersResponse::default() })
    });
    let me = read(&world, "{ me { id email name createdAt } }", json!({})).await;
    let shown =
        json!({ "id": ANN, "email": "ann@example.org", "name": "Ann", "createdAt": "2026-01-31T09:30:00.123Z" });
    assert_eq!(me, shown);

    let query = r#"{ organizationMembers(orgSlug: "acme") {
        id role name email user { id name createdAt } organization { slug }
    } }"#;
    let members = read(&world, query, json!({})).await;
    let member = |id: Uuid, role: &str, name: &str, email: &str, created_at: Option<&str>| {
        json!({
            "id": format!("id-of-acme.{id}"), "role": role, "name": name, "email": email,
            "user": { "id": id, "name": name, "createdAt": created_at }, "organization": { "slug": "acme" },
        })
    };
    // One is oneself in a list, too. Eve's name is not known.
    let ann = member(ANN, "ADMIN", "Ann", "ann@example.org", Some("2026-01-31T09:30:00.123Z"));
    assert_eq!(members, json!([ann, member(EVE, "MEMBER", "", "", None)]));
    assert_eq!(fake.calls("OrgService/GetOrganization").len(), 1);
}

#[tokio::test]
async fn values_as_clients_of_the_original_know_them() {
    let world = World::start().await;
    let time = Some(prost_types::Timestamp { seconds: 1_769_851_800, nanos: 0 });
    let fake = &world.harness.fake;
    fake.on("ProjectService/ListProjects", move |_: ListProjectsRequest, _| {
        let first = Project {
            slug: "web".into(),
            status: ProjectStatus::OnHold.into(),
            due_date: "2026-03-01".into(),
            created_at: time,
            task_count: 5,
            completed_task_count: 2,
            ..Project::default()
        };
        let projects = vec![first, Project { created_at: time, ..Project::default() }];
        Ok(ListProjectsResponse { projects, ..ListProjectsResponse::default() })
    });
    fake.on("ProjectService/GetTask", move |_: GetTaskRequest, _| {
        let status = TaskStatus::InProgress.into();
        let task = Task { due_date: time, created_at: time, status, ..Task::default() };
        Ok(GetTaskResponse { task: Some(task), position: None })
    });
    let query = r#"{ projects(orgSlug: "acme") { slug status dueDate createdAt taskCount completedTasks } }"#;
    let first = json!({
        "slug": "web", "status": "ON_HOLD", "dueDate": "2026-03-01", "createdAt": "2026-01-31T09:30:00.000Z",
        "taskCount": 5, "completedTasks": 2,
    });
    let second = json!({
        "slug": "", "status": "ACTIVE", "dueDate": null, "createdAt": "2026-01-31T09:30:00.000Z",
        "taskCount": 0, "completedTasks": 0,
    });
    assert_eq!(read(&world, query, json!({})).await, json!([first, second]));
    let query = r#"{ task(orgSlug: "acme", taskId: "web-1") { status dueDate assignee { id } liveCursor } }"#;
    let task = json!({
        "status": "IN_PROGRESS", "dueDate": "2026-01-31T09:30:00.000Z", "assignee": null, "liveCursor": null,
    });
    assert_eq!(read(&world, query, json!({})).await, task);
}
