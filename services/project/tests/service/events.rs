//! What happened: events with the object as of the event, and the history of a task.

use prost::Message;
use trellis_proto::{
    event::v1::Event,
    project::v1::{
        Change, DeleteCommentRequest, DeleteProjectRequest, DeleteTaskRequest, GetProjectRequest, GetTaskRequest,
        ListActivityRequest, ListActivityResponse, Nullable, Page, ProjectEvent, ReadEventsRequest, ReadHeadsRequest,
        UpdateCommentRequest, UpdateProjectRequest, UpdateTaskRequest, project_event::Object,
    },
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::harness::{Harness, Refused};

fn changes(changes: &[Change]) -> Vec<(&str, &str, &str)> {
    changes.iter().map(|it| (it.field.as_str(), it.from_json.as_str(), it.to_json.as_str())).collect()
}

fn payload(event: &Event) -> ProjectEvent {
    ProjectEvent::decode(event.payload.as_slice()).unwrap()
}

/// One of everything that can happen, to project WEB and task WEB-1; gives the ids of project, task and comment.
async fn everything(it: &Harness) -> (String, String, String) {
    let project = it.project("Web").await.id;
    let task = it.task("web", "One").await.id;
    let set = |value: &str| Some(Nullable { value: Some(value.into()) });
    let change = UpdateTaskRequest {
        org: "acme".into(),
        task_id: "WEB-1".into(),
        title: Some("Uno".into()),
        description: Some("Say \"hi\"".into()),
        status: Some("DONE".into()),
        assignee_id: set(&it.bob.id.to_string()),
        due_date: set("2026-01-31"),
        ..Default::default()
    };
    it.client().update_task(it.bob.ask(change)).await.unwrap();
    let comment = it.comment("WEB-1", "Hello").await;
    let edit = UpdateCommentRequest { org: "acme".into(), id: comment.clone(), content: Some("Hi".into()) };
    it.client().update_comment(it.bob.ask(edit)).await.unwrap();
    let delete = DeleteCommentRequest { org: "acme".into(), id: comment.clone() };
    it.client().delete_comment(it.ada.ask(delete)).await.unwrap();
    let change = UpdateProjectRequest {
        org: "acme".into(),
        project: "web".into(),
        name: Some("Site".into()),
        slug: Some("site".into()),
        due_date: set("2026-12-31"),
        ..Default::default()
    };
    it.client().update_project(it.bob.ask(change)).await.unwrap();
    (project, task, comment)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_everything_in_order() {
    let it = Harness::start().await;
    let (project, task, comment) = everything(&it).await;
    let get = GetTaskRequest { org: "acme".into(), task_id: "WEB-1".into() };
    let task_now = it.client().get_task(it.bob.ask(get)).await.unwrap().into_inner().task.unwrap();
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: None };
    it.client().delete_task(it.bob.ask(delete)).await.unwrap();
    let get = GetProjectRequest { org: "acme".into(), project: "site".into() };
    let project_now = it.client().get_project(it.bob.ask(get)).await.unwrap().into_inner().project.unwrap();
    let delete = DeleteProjectRequest { org: "acme".into(), project: "site".into(), expected_version: None };
    it.client().delete_project(it.ada.ask(delete)).await.unwrap();

    let events = it.events(&project).await;
    let (ada, bob) = (it.ada.id.to_string(), it.bob.id.to_string());
    let told: Vec<_> =
        events.iter().map(|event| (event.kind.as_str(), event.actor_id.as_str(), event.subject_id.as_str())).collect();
    assert_eq!(
        told,
        [
            ("project.created", ada.as_str(), ""),
            ("task.created", &ada, &task),
            ("task.updated", &bob, &task),
            ("comment.created", &bob, &task),
            ("comment.updated", &bob, &task),
            ("comment.deleted", &ada, &task),
            ("project.updated", &bob, ""),
            ("task.deleted", &bob, &task),
            ("project.deleted", &ada, ""),
        ]
    );
    assert!(events.iter().all(|event| event.scope == project && event.epoch == events[0].epoch));

    let payloads: Vec<_> = events.iter().map(payload).collect();
    assert_eq!(
        changes(&payloads[2].changes),
        [
            ("title", "\"One\"", "\"Uno\""),
            ("description", "\"\"", "\"Say \\\"hi\\\"\""),
            ("status", "\"TODO\"", "\"DONE\""),
            ("assignee", "null", &format!("\"{bob}\"")),
            ("due_date", "null", "\"2026-01-31T00:00:00.000Z\""),
        ]
    );
    let project_changes =
        [("name", "\"Web\"", "\"Site\""), ("slug", "\"web\"", "\"site\""), ("due_date", "null", "\"2026-12-31\"")];
    assert_eq!(changes(&payloads[6].changes), project_changes);
    assert!(payloads.iter().enumerate().all(|(at, it)| at == 2 || at == 6 || it.changes.is_empty()));

    // The object is as of the event, not as it is now.
    let Some(Object::Task(created)) = &payloads[1].object else { panic!("{:?}", payloads[1]) };
    assert_eq!((created.title.as_str(), created.version, created.task_id.as_str()), ("One", 1, "WEB-1"));
    let Some(Object::Comment(first)) = &payloads[3].object else { panic!("{:?}", payloads[3]) };
    let Some(Object::Comment(gone)) = &payloads[5].object else { panic!("{:?}", payloads[5]) };
    assert_eq!((first.content.as_str(), gone.content.as_str(), &gone.id), ("Hello", "Hi", &comment));
    assert_eq!(payloads[7].object, Some(Object::Task(task_now)));
    assert_eq!(payloads[8].object, Some(Object::Project(project_now)));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_task_is_newest_first() {
    let it = Harness::start().await;
    let (project, _, comment) = everything(&it).await;
    let list = |limit, cursor: String| ListActivityRequest {
        org: "acme".into(),
        task_id: "web-1".into(),
        page: Some(Page { limit, cursor, ..Page::default() }),
    };
    let read = async |request| -> ListActivityResponse {
        it.client().list_activity(it.bob.ask(request)).await.unwrap().into_inner()
    };
    let whole = read(list(0, String::new())).await;
    it.assert_at_head(whole.position, &project).await;
    let told: Vec<_> = whole.activities.iter().map(|it| (it.kind.as_str(), it.comment_id.as_str())).collect();
    assert_eq!(
        told,
        [
            ("comment.deleted", comment.as_str()),
            ("comment.updated", &comment),
            ("comment.created", &comment),
            ("task.updated", ""),
            ("task.created", ""),
        ]
    );
    let update = &whole.activities[3];
    assert_eq!((update.actor_id.as_str(), update.changes.len()), (it.bob.id.to_string().as_str(), 5));
    assert_eq!(changes(&update.changes)[2], ("status", "\"TODO\"", "\"DONE\""));

    // Pages stay right while more happens.
    let first = read(list(2, String::new())).await;
    it.comment("WEB-1", "More").await;
    let rest = read(list(100, first.next_cursor.clone())).await;
    let pages: Vec<_> = first.activities.into_iter().chain(rest.activities).collect();
    assert_eq!(pages, whole.activities);

    let refused = it.client().list_activity(it.bob.ask(list(101, "?".into()))).await.blames();
    assert_eq!(refused, (Code::InvalidRequest, vec!["limit:invalid".to_owned(), "cursor:invalid".to_owned()]));
    let missing = ListActivityRequest { task_id: "WEB-9".into(), ..list(1, String::new()) };
    assert_eq!(it.client().list_activity(it.bob.ask(missing)).await.problem().resource, "task");
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_read_stretches_and_heads() {
    let it = Harness::start().await;
    let (project, _, _) = everything(&it).await;
    let other = it.project("Other").await.id;
    let read = |scope: &str, after, limit| Harness::gateway(ReadEventsRequest { scope: scope.into(), after, limit });
    let answer = it.client().read_events(read(&project, 2, 3)).await.unwrap().into_inner();
    let numbers: Vec<_> = answer.events.iter().map(|event| event.seq).collect();
    assert_eq!((numbers, answer.head, answer.oldest), (vec![3, 4, 5], 7, 0));
    let answer = it.client().read_events(read(&project, 7, 500)).await.unwrap().into_inner();
    assert_eq!((answer.events.len(), answer.head), (0, 7));
    assert_eq!(it.client().read_events(read(&project, 0, 0)).await.blames().1, ["limit:invalid"]);
    assert_eq!(it.client().read_events(read(&project, 0, 501)).await.blames().1, ["limit:invalid"]);
    assert_eq!(
        it.client().read_events(read("x", 0, 1)).await.blames(),
        (Code::InvalidRequest, vec!["scope:invalid".into()])
    );
    let unknown = it.client().read_events(read(&Uuid::now_v7().to_string(), 0, 1)).await;
    assert_eq!(unknown.problem().resource, "scope");

    let heads = |scopes: Vec<String>| Harness::gateway(ReadHeadsRequest { scopes });
    let asked = vec![project.clone(), other.clone(), Uuid::now_v7().to_string()];
    let answer = it.client().read_heads(heads(asked)).await.unwrap().into_inner();
    assert_eq!((answer.heads.len(), answer.heads[&project], answer.heads[&other]), (2, 7, 1));
    let many = vec![project; 1001];
    assert_eq!(it.client().read_heads(heads(many)).await.code(), Code::InvalidRequest);
    assert_eq!(it.client().read_heads(heads(vec!["x".into()])).await.code(), Code::InvalidRequest);
    it.end().await;
}
