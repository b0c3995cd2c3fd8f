//! How refusals stand in payloads.

use serde_json::{Value, json};
use tonic::Status;
use trellis_proto::{
    org::v1::{CreateOrganizationRequest, CreateOrganizationResponse, Organization, UpdateMemberRequest},
    project::v1::{DeleteTaskRequest, UpdateTaskRequest},
};
use trellis_rpc::{Code, Problem, Violations};

use crate::{
    gateway::{ANN, token},
    world::{Ask, OUTCOME, World, ann, signed_out, with_token},
};

const NO_PERMISSION: &str = "You do not have permission to perform this action";

fn whole(code: &str, sentence: &str) -> Value {
    json!({
        "success": false, "errors": [sentence],
        "userErrors": [{ "field": null, "code": code, "message": sentence }],
    })
}

async fn delete_task(world: &World, ask: Ask) -> Value {
    let query = format!(r#"mutation {{ deleteTask(taskId: "WEB-1", orgSlug: "acme") {{ {OUTCOME} }} }}"#);
    world.payload(ask, &query, json!({})).await
}

#[tokio::test]
async fn what_a_service_refuses_is_told_in_the_payload() {
    let world = World::start().await;
    for (problem, code, sentence) in [
        (Problem::not_found("organization"), "not_found", "You don't have access to this organization"),
        (Problem::not_found("project"), "not_found", "Project not found"),
        (Problem::not_found("task"), "not_found", "Task not found"),
        (Problem::new(Code::Forbidden, "No."), "forbidden", NO_PERMISSION),
        (Problem::unavailable("The service is not available."), "unavailable", "The service is not available."),
        (
            Problem::new(Code::VersionMismatch, "The task was changed meanwhile; read it again."),
            "version_mismatch",
            "The task was changed meanwhile; read it again.",
        ),
    ] {
        world.harness.fake.on("ProjectService/DeleteTask", move |_: DeleteTaskRequest, _| {
            Err::<(), _>(Status::from(problem.clone()))
        });
        assert_eq!(delete_task(&world, ann()).await, whole(code, sentence));
    }
}

#[tokio::test]
async fn what_went_wrong_inside_stays_there() {
    let world = World::start().await;
    for (status, code) in [(Status::internal("secret"), "internal"), (Status::unknown("secret"), "unavailable")] {
        world.harness.fake.on("ProjectService/DeleteTask", move |_: DeleteTaskRequest, _| Err::<(), _>(status.clone()));
        let payload = delete_task(&world, ann()).await;
        assert_eq!(payload["userErrors"][0]["code"], code);
        assert!(!payload.to_string().contains("secret"), "{payload}");
    }
}

#[tokio::test]
async fn signed_out_is_told_in_the_payload_and_asks_nobody() {
    let world = World::start().await;
    assert_eq!(delete_task(&world, signed_out()).await, whole("unauthenticated", NO_PERMISSION));
    assert_eq!(delete_task(&world, with_token("nonsense")).await, whole("unauthenticated", NO_PERMISSION));
    assert_eq!(delete_task(&world, with_token(token(ANN, -60))).await, whole("token_expired", NO_PERMISSION));
    assert!(world.harness.fake.calls("ProjectService/DeleteTask").is_empty());
}

#[tokio::test]
async fn each_bad_field_is_told() {
    let world = World::start().await;
    world.harness.fake.on("ProjectService/UpdateTask", |_: UpdateTaskRequest, _| {
        let mut violations = Violations::new();
        violations.push("due_date", "invalid", "must be a date");
        violations.push("assignee_email", "not_a_member", "Assignee must be a member of the organization");
        Err::<(), _>(Status::from(violations.finish().unwrap_err()))
    });
    let query = format!(
        r#"mutation {{ updateTask(taskId: "WEB-1", orgSlug: "acme", input: {{ dueDate: "soon" }}) {{
            {OUTCOME} task {{ id }} liveCursor
        }} }}"#
    );
    let payload = world.payload(ann(), &query, json!({})).await;
    let expected = json!({
        "success": false,
        "errors": ["dueDate must be a date", "Assignee must be a member of the organization"],
        "userErrors": [
            { "field": "dueDate", "code": "invalid", "message": "must be a date" },
            {
                "field": "assigneeEmail", "code": "not_a_member",
                "message": "Assignee must be a member of the organization",
            },
        ],
        "task": null, "liveCursor": null,
    });
    assert_eq!(payload, expected);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let world = World::start().await;
    let sentence = "An organization needs at least one ADMIN: make somebody else ADMIN first.";
    world.harness.fake.on("OrgService/UpdateMember", move |_: UpdateMemberRequest, _| {
        let problem = Problem::new(Code::LastAdmin, sentence).with_field("role", "last_admin", "is the last ADMIN");
        Err::<(), _>(Status::from(problem))
    });
    let query = format!(
        r#"mutation {{ updateMember(orgSlug: "acme", userId: "{ANN}", role: MEMBER) {{ {OUTCOME} member {{ id }} }} }}"#
    );
    let payload = world.payload(ann(), &query, json!({})).await;
    assert_eq!(payload["errors"], json!([sentence]));
    assert_eq!(
        payload["userErrors"],
        json!([{ "field": "role", "code": "last_admin", "message": "is the last ADMIN" }])
    );
    assert_eq!(world.harness.fake.asked::<UpdateMemberRequest>("OrgService/UpdateMember").role.unwrap(), "MEMBER");
}

const CREATE_ORGANIZATION: &str = r#"mutation {
    createOrganization(input: { name: "New", slug: "new", contactEmail: "new@example.org" }) {
        success errors organization { id slug }
    }
}"#;

#[tokio::test]
async fn an_organization_needs_nobody_and_a_bad_token_is_nobody() {
    let world = World::start().await;
    world.harness.fake.on("OrgService/CreateOrganization", |request: CreateOrganizationRequest, _| {
        let organization = Organization { id: "1".into(), slug: request.slug, ..Organization::default() };
        Ok(CreateOrganizationResponse { organization: Some(organization) })
    });
    let made = json!({ "success": true, "errors": [], "organization": { "id": "1", "slug": "new" } });
    for (ask, user) in
        [(signed_out(), None), (with_token("nonsense"), None), (with_token(token(ANN, -60)), None), (ann(), Some(ANN))]
    {
        assert_eq!(world.payload(ask, CREATE_ORGANIZATION, json!({})).await, made);
        assert_eq!(world.harness.fake.calls("OrgService/CreateOrganization").last().unwrap().user, user);
    }
}

#[tokio::test]
async fn of_several_names_that_are_taken_the_first_is_told() {
    let world = World::start().await;
    world.harness.fake.on("OrgService/CreateOrganization", |_: CreateOrganizationRequest, _| {
        let problem = Problem::new(Code::AlreadyExists, "Organization with this name already exists")
            .with_field("name", "already_exists", "is taken already")
            .with_field("contact_email", "already_exists", "is taken already")
            .with_resource("organization");
        Err::<(), _>(Status::from(problem))
    });
    let payload = world.payload(signed_out(), CREATE_ORGANIZATION, json!({})).await;
    let told = json!({
        "success": false, "errors": ["Organization with this name already exists"], "organization": null,
    });
    assert_eq!(payload, told);
}
