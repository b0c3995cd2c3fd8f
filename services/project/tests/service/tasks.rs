//! Tasks: values, assignees, changes and counters.

use trellis_proto::project::v1::{
    CreateTaskRequest, DeleteTaskRequest, GetProjectRequest, GetTaskRequest, Nullable, Task, TaskStatus,
    UpdateTaskRequest,
};
use trellis_rpc::{Code, convert};

use crate::harness::{Harness, Refused};

pub fn new(title: &str) -> CreateTaskRequest {
    CreateTaskRequest { org: "acme".into(), project: "web".into(), title: title.into(), ..Default::default() }
}

pub fn patch(task_id: &str) -> UpdateTaskRequest {
    UpdateTaskRequest { org: "acme".into(), task_id: task_id.into(), ..Default::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "as the requests want it")]
fn set(value: &str) -> Option<Nullable> {
    Some(Nullable { value: Some(value.into()) })
}

fn due(task: &Task) -> Option<String> {
    convert::datetime(task.due_date.as_ref()).map(|time| time.to_rfc3339())
}

/// Tasks and completed tasks, as the project counts them.
pub async fn counts(it: &Harness) -> (u64, u64) {
    let request = GetProjectRequest { org: "acme".into(), project: "web".into() };
    let project = it.client().get_project(it.bob.ask(request)).await.unwrap().into_inner().project.unwrap();
    (project.task_count, project.completed_task_count)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_kept_as_they_are_meant() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    let request = CreateTaskRequest {
        description: " Long ".into(),
        status: Some("IN_PROGRESS".into()),
        assignee_id: Some(it.bob.id.to_string()),
        due_date: Some("2026-03-01".into()),
        ..new("  Über 😀 ")
    };
    let answer = it.client().create_task(it.ada.ask(request)).await.unwrap().into_inner();
    let task = answer.task.unwrap();
    assert_eq!((task.title.as_str(), task.description.as_str()), ("Über 😀", "Long"));
    assert_eq!((task.status(), task.version, task.comment_count), (TaskStatus::InProgress, 1, 0));
    assert_eq!((task.assignee_id.clone(), task.created_by_id.clone()), (it.bob.id.to_string(), it.ada.id.to_string()));
    assert_eq!(due(&task).as_deref(), Some("2026-03-01T00:00:00+00:00"));
    let shown = task.project.clone().unwrap();
    assert_eq!(
        (shown.id, shown.slug, shown.key, shown.name),
        (project.id.clone(), project.slug, project.key, project.name)
    );
    it.assert_at_head(answer.position, &project.id).await;

    for task_id in ["WEB-1", "web-1", "Web-1"] {
        let get = GetTaskRequest { org: "acme".into(), task_id: task_id.into() };
        let answer = it.client().get_task(it.bob.ask(get)).await.unwrap().into_inner();
        assert_eq!(answer.task.as_ref(), Some(&task));
        it.assert_at_head(answer.position, &project.id).await;
    }
    for task_id in ["WEB-2", "WEB-01", "WEB", "", "WEB-1-1", "ÄÖ-1", "WEB-99999999999999999999", "WEB-1\0"] {
        let get = GetTaskRequest { org: "acme".into(), task_id: task_id.into() };
        let refused = it.client().get_task(it.bob.ask(get)).await.problem();
        assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "task"), "{task_id:?}");
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_told_at_once() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    let bad = CreateTaskRequest {
        description: "d".repeat(20_001),
        status: Some("LATER".into()),
        assignee_email: Some("nobody@example.org".into()),
        due_date: Some("2026-01-31T09:30:00".into()),
        ..new("\n")
    };
    let (code, fields) = it.client().create_task(it.ada.ask(bad)).await.blames();
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(
        fields,
        ["title:blank", "description:too_long", "status:invalid", "due_date:invalid", "assignee_email:not_found"]
    );
    let bad = UpdateTaskRequest {
        title: Some("t".repeat(201)),
        description: Some("\0".into()),
        status: Some("todo".into()),
        assignee_id: set("bob"),
        due_date: set("tomorrow"),
        ..patch("WEB-1")
    };
    let (code, fields) = it.client().update_task(it.ada.ask(bad)).await.blames();
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(
        fields,
        ["title:too_long", "description:invalid", "status:invalid", "due_date:invalid", "assignee_id:invalid"]
    );
    assert_eq!(counts(&it).await, (1, 0));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignee_is_a_member() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    let message = |result: Result<_, _>| {
        let problem = Refused::problem(result);
        (problem.fields[0].field.clone(), problem.fields[0].message.clone())
    };
    let by_email = |email: &str| UpdateTaskRequest { assignee_email: set(email), ..patch("WEB-1") };
    let by_id = |id: &str| UpdateTaskRequest { assignee_id: set(id), ..patch("WEB-1") };
    let assignee = async |request| {
        it.client().update_task(it.ada.ask(request)).await.unwrap().into_inner().task.unwrap().assignee_id
    };

    let refused = it.client().update_task(it.ada.ask(by_email("eve@example.org"))).await;
    assert_eq!(message(refused), ("assignee_email".into(), "Assignee must be a member of the organization".into()));
    let refused = it.client().update_task(it.ada.ask(by_email("nobody@example.org"))).await;
    assert_eq!(message(refused), ("assignee_email".into(), "User with this email not found".into()));
    let refused = it.client().update_task(it.ada.ask(by_id(&it.eve.id.to_string()))).await;
    assert_eq!(message(refused), ("assignee_id".into(), "Assignee must be a member of the organization".into()));
    let both = UpdateTaskRequest { assignee_id: set(""), ..by_email("bob@example.org") };
    assert_eq!(it.client().update_task(it.ada.ask(both)).await.code(), Code::ValidationFailed);

    let bob = it.bob.id.to_string();
    assert_eq!(assignee(by_email(" BOB@example.org ")).await, bob);
    let cleared = || Some(Nullable { value: None });
    for empty in [by_email(""), by_id("")] {
        assert_eq!(it.client().update_task(it.ada.ask(empty)).await.code(), Code::ValidationFailed);
    }
    assert_eq!(assignee(UpdateTaskRequest { assignee_email: cleared(), ..patch("WEB-1") }).await, "");
    assert_eq!(assignee(by_id(&it.ada.id.to_string())).await, it.ada.id.to_string());
    assert_eq!(assignee(UpdateTaskRequest { assignee_id: cleared(), ..patch("WEB-1") }).await, "");
    assert_eq!(assignee(by_id(&bob)).await, bob);

    // Who leaves stays the assignee, and may be sent back as such, but not be set anew.
    it.world.remove_member("acme", it.bob.id);
    assert_eq!(assignee(UpdateTaskRequest { title: Some("Two".into()), ..by_id(&bob) }).await, bob);
    assert_eq!(assignee(UpdateTaskRequest { assignee_id: cleared(), ..patch("WEB-1") }).await, "");
    let refused = it.client().update_task(it.ada.ask(by_id(&bob))).await.blames();
    assert_eq!(refused.1, ["assignee_id:not_a_member"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_touches_what_was_sent_and_counts() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    let before = it.task("web", "One").await;
    let change = UpdateTaskRequest {
        status: Some("DONE".into()),
        due_date: set("2026-01-31T09:30:00.123456+01:00"),
        ..patch("web-1")
    };
    let answer = it.client().update_task(it.bob.ask(change.clone())).await.unwrap().into_inner();
    let after = answer.task.unwrap();
    assert_eq!(due(&after).as_deref(), Some("2026-01-31T08:30:00.123+00:00"));
    let expected = Task {
        status: TaskStatus::Done.into(),
        due_date: after.due_date,
        version: 2,
        updated_at: after.updated_at,
        ..before
    };
    assert_eq!(after, expected);
    it.assert_at_head(answer.position, &project.id).await;
    assert_eq!(counts(&it).await, (1, 1));

    for request in [change, patch("WEB-1")] {
        let answer = it.client().update_task(it.bob.ask(request)).await.unwrap().into_inner();
        assert_eq!(answer.task.as_ref(), Some(&after));
        it.assert_at_head(answer.position, &project.id).await;
    }
    assert_eq!(it.events(&project.id).await.len(), 3);

    let reopen = UpdateTaskRequest { status: Some("TODO".into()), ..patch("WEB-1") };
    it.client().update_task(it.bob.ask(reopen)).await.unwrap();
    assert_eq!(counts(&it).await, (1, 0));
    let done = CreateTaskRequest { status: Some("DONE".into()), ..new("Two") };
    it.client().create_task(it.bob.ask(done)).await.unwrap();
    assert_eq!(counts(&it).await, (2, 1));
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-2".into(), expected_version: None };
    it.client().delete_task(it.bob.ask(delete)).await.unwrap();
    assert_eq!(counts(&it).await, (1, 0));
    it.end().await;
}
