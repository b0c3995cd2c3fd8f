//! The objects as clients read them, to the letter, and the headers beside them.

use prost_types::Timestamp;
use serde_json::json;
use trellis_gateway::cursor::Cursor;
use trellis_proto::{
    event::v1::Position,
    identity::v1::{RegisterRequest, RegisterResponse, Tokens, User},
    org::v1::{
        CreateInvitationRequest, CreateInvitationResponse, Invitation, JoinPolicy, ListOrganizationsRequest,
        ListOrganizationsResponse, Organization, Role,
    },
    project::v1::{
        Activity, Change, Comment, CreateProjectRequest, CreateProjectResponse, DeleteTaskRequest, DeleteTaskResponse,
        GetTaskRequest, GetTaskResponse, ListActivityRequest, ListActivityResponse, ListCommentsRequest,
        ListCommentsResponse, Project, ProjectRef, ProjectStatus, Task, TaskStatus,
    },
};
use uuid::Uuid;

use crate::gateway::{ANN, EVE, Harness};

/// 2026-01-31T09:30:00.123Z
const TIME: Timestamp = Timestamp { seconds: 1_769_851_800, nanos: 123_000_000 };

fn position() -> Position {
    let (epoch, scope) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());
    Position { epoch, scope, seq: 7 }
}

fn cursor() -> String {
    Cursor { epoch: Uuid::from_u128(1), scope: Uuid::from_u128(2), seq: 7 }.to_string()
}

#[tokio::test]
async fn a_task() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/GetTask", |request: GetTaskRequest, call| {
        assert_eq!((request.org.as_str(), request.task_id.as_str(), call.user), ("acme", "web-1", Some(ANN)));
        assert!(call.headers.contains_key("grpc-timeout"));
        let project = ProjectRef { id: "p".into(), slug: "web".into(), key: "WEB".into(), name: "Web".into() };
        let task = Task {
            id: "t".into(),
            task_id: "WEB-1".into(),
            project: Some(project),
            title: "Do".into(),
            description: String::new(),
            status: TaskStatus::InProgress.into(),
            assignee_id: EVE.to_string(),
            due_date: None,
            comment_count: 2,
            created_by_id: ANN.to_string(),
            created_at: Some(TIME),
            updated_at: Some(TIME),
            version: 3,
        };
        Ok(GetTaskResponse { task: Some(task), position: Some(position()) })
    });
    let answer = gateway.get("/api/v1/organizations/acme/tasks/web-1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("etag"), Some("\"3\""));
    assert_eq!(answer.header("trellis-cursor"), Some(&*cursor()));
    assert_eq!(
        answer.json(),
        json!({
            "id": "t", "task_id": "WEB-1",
            "project": {"id": "p", "slug": "web", "key": "WEB", "name": "Web"},
            "title": "Do", "description": "", "status": "IN_PROGRESS",
            "assignee": {"id": EVE, "name": "", "email": ""},
            "due_date": null, "comment_count": 2,
            "created_by": {"id": ANN, "name": "Ann", "email": "ann@example.org"},
            "created_at": "2026-01-31T09:30:00.123Z", "updated_at": "2026-01-31T09:30:00.123Z", "version": 3,
        })
    );
}

#[tokio::test]
async fn names_are_asked_for_once() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/ListComments", |_: ListCommentsRequest, _| {
        let comment = |n: u32| Comment {
            id: n.to_string(),
            task_id: "WEB-1".into(),
            content: "hi".into(),
            author_id: ANN.to_string(),
            created_at: Some(TIME),
            edited_at: (n == 2).then_some(TIME),
        };
        let comments = vec![comment(1), comment(2)];
        Ok(ListCommentsResponse {
            comments,
            next_cursor: "next".into(),
            position: Some(position()),
            ..Default::default()
        })
    });
    let path = "/api/v1/organizations/acme/tasks/WEB-1/comments?limit=2&cursor=abc";
    let answer = gateway.get(path).await;
    gateway.get(path).await;
    assert_eq!(gateway.fake.calls("IdentityService/BatchGetUsers").len(), 1);
    let page = gateway.fake.asked::<ListCommentsRequest>("ProjectService/ListComments").page.unwrap();
    assert_eq!((page.limit, page.cursor.as_str()), (2, "abc"));
    let author = json!({"id": ANN, "name": "Ann", "email": "ann@example.org"});
    let at = "2026-01-31T09:30:00.123Z";
    assert_eq!(
        answer.json(),
        json!({
            "items": [
                {"id": "1", "task_id": "WEB-1", "content": "hi", "author": author, "created_at": at, "edited_at": null},
                {"id": "2", "task_id": "WEB-1", "content": "hi", "author": author, "created_at": at, "edited_at": at},
            ],
            "next_cursor": "next",
        })
    );
    assert_eq!(answer.header("trellis-cursor"), Some(&*cursor()));
}

#[tokio::test]
async fn a_project_that_is_made() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/CreateProject", |request: CreateProjectRequest, _| {
        assert_eq!((request.slug, request.key, request.status), (None, Some("WEB".into()), None));
        let project = Project {
            id: "p".into(),
            name: request.name,
            slug: "web".into(),
            key: "WEB".into(),
            status: ProjectStatus::OnHold.into(),
            due_date: "2026-03-01".into(),
            created_at: Some(TIME),
            updated_at: Some(TIME),
            version: 1,
            ..Project::default()
        };
        Ok(CreateProjectResponse { project: Some(project), position: Some(position()) })
    });
    let answer = gateway.post("/api/v1/organizations/acme/projects", r#"{"name":"Web","key":"WEB"}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), Some("/api/v1/organizations/acme/projects/web"));
    assert_eq!((answer.header("etag"), answer.header("trellis-cursor")), (Some("\"1\""), Some(&*cursor())));
    assert_eq!(
        answer.json(),
        json!({
            "id": "p", "name": "Web", "slug": "web", "key": "WEB", "description": "", "status": "ON_HOLD",
            "due_date": "2026-03-01", "task_count": 0, "completed_task_count": 0,
            "created_at": "2026-01-31T09:30:00.123Z", "updated_at": "2026-01-31T09:30:00.123Z", "version": 1,
        })
    );
}

#[tokio::test]
async fn what_is_deleted_is_no_content_but_has_a_position() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/DeleteTask", |_: DeleteTaskRequest, _| {
        Ok(DeleteTaskResponse { position: Some(position()) })
    });
    let answer = gateway.delete("/api/v1/organizations/acme/tasks/WEB-1").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(answer.header("trellis-cursor"), Some(&*cursor()));
}

#[tokio::test]
async fn an_organization_shows_members_more() {
    let gateway = Harness::start().await;
    gateway.fake.on("OrgService/ListOrganizations", |request: ListOrganizationsRequest, _| {
        let organization = |slug: &str, policy: JoinPolicy, role: Role| Organization {
            id: "o".into(),
            name: "Acme".into(),
            slug: slug.into(),
            contact_email: "x@acme.example".into(),
            join_policy: policy.into(),
            created_at: Some(TIME),
            role: role.into(),
            version: 1,
        };
        let mine = organization("acme", JoinPolicy::InviteOnly, Role::Admin);
        let open = organization("open", JoinPolicy::Unspecified, Role::Unspecified);
        let organizations = if request.mine { vec![mine] } else { vec![mine, open] };
        Ok(ListOrganizationsResponse { organizations, ..Default::default() })
    });
    let at = "2026-01-31T09:30:00.123Z";
    let mine = json!({
        "id": "o", "name": "Acme", "slug": "acme", "contact_email": "x@acme.example",
        "join_policy": "INVITE_ONLY", "created_at": at, "role": "ADMIN",
    });
    let open = json!({
        "id": "o", "name": "Acme", "slug": "open", "contact_email": "x@acme.example", "created_at": at,
    });
    let listed = gateway.get("/api/v1/organizations").await.json();
    assert_eq!(listed, json!({"items": [mine, open], "next_cursor": null}));
    let listed = gateway.get("/api/v1/me/organizations").await.json();
    assert_eq!(listed, json!({"items": [mine], "next_cursor": null}));
}

#[tokio::test]
async fn tokens_and_an_invitation() {
    let gateway = Harness::start().await;
    gateway.fake.on("IdentityService/Register", |request: RegisterRequest, _| {
        assert!(!request.long_lived);
        let user = User { id: "u".into(), email: request.email, name: request.name, created_at: Some(TIME) };
        let tokens = Tokens {
            user: Some(user),
            access_token: "at".into(),
            expires_in: 900,
            refresh_token: "rt".into(),
            ..Default::default()
        };
        Ok(RegisterResponse { tokens: Some(tokens) })
    });
    let body = r#"{"email":"a@b.c","password":"correct horse","name":"Ann","organization_slug":null}"#;
    let answer = gateway.post("/api/v1/auth/register", body).await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.json(),
        json!({
            "user": {"id": "u", "email": "a@b.c", "name": "Ann", "created_at": "2026-01-31T09:30:00.123Z"},
            "access_token": "at", "token_type": "Bearer", "expires_in": 900, "refresh_token": "rt",
        })
    );
    gateway.fake.on("OrgService/CreateInvitation", |request: CreateInvitationRequest, _| {
        assert_eq!(request.role, None);
        let invitation = Invitation {
            id: "i".into(),
            email: request.email,
            role: Role::Member.into(),
            token: "secret".into(),
            expires_at: Some(TIME),
            created_at: Some(TIME),
            invited_by_id: ANN.to_string(),
        };
        Ok(CreateInvitationResponse { invitation: Some(invitation) })
    });
    let answer = gateway.post("/api/v1/organizations/acme/invitations", r#"{"email":"b@b.c"}"#).await;
    assert_eq!(answer.header("location"), Some("/api/v1/organizations/acme/invitations/i"));
    let shown = answer.json();
    assert_eq!(
        (&shown["token"], &shown["role"], &shown["email"]),
        (&json!("secret"), &json!("MEMBER"), &json!("b@b.c"))
    );
}

#[tokio::test]
async fn an_activity_shows_people_for_ids() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/ListActivity", |_: ListActivityRequest, _| {
        let change = |field: &str, from: &str, to: &str| Change {
            field: field.into(),
            from_json: from.into(),
            to_json: to.into(),
        };
        let activity = Activity {
            id: "x".into(),
            kind: "task.updated".into(),
            actor_id: ANN.to_string(),
            changes: vec![change("status", "\"TODO\"", "\"DONE\""), change("assignee", "null", &format!("\"{ANN}\""))],
            occurred_at: Some(TIME),
            comment_id: String::new(),
        };
        Ok(ListActivityResponse { activities: vec![activity], position: Some(position()), ..Default::default() })
    });
    let ann = json!({"id": ANN, "name": "Ann", "email": "ann@example.org"});
    assert_eq!(
        gateway.get("/api/v1/organizations/acme/tasks/WEB-1/activity").await.json(),
        json!({
            "items": [{
                "id": "x", "kind": "task.updated", "actor": ann, "occurred_at": "2026-01-31T09:30:00.123Z",
                "changes": {"status": {"from": "TODO", "to": "DONE"}, "assignee": {"from": null, "to": ann}},
                "comment_id": null,
            }],
            "next_cursor": null,
        })
    );
}

#[tokio::test]
async fn keys_and_readiness() {
    let gateway = Harness::start().await;
    let keys = gateway.get("/.well-known/jwks.json").await.json();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["kid"]), (&json!("OKP"), &json!("Ed25519"), &json!("k1")));
    assert_eq!(key["x"].as_str().unwrap().len(), 43);
    assert_eq!(gateway.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(gateway.get("/readyz").await.status, 200);
    gateway.gateway.shutdown.draining.cancel();
    let missing = gateway.get("/readyz").await.problem(503, "unavailable");
    assert_eq!(missing[0].0, "process");
}
