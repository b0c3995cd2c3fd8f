//! Lists of tasks: filters, orders, pages that stay right while tasks come and go.

use trellis_proto::project::v1::{
    CreateTaskRequest, DeleteTaskRequest, ListTasksRequest, ListTasksResponse, Page, UpdateTaskRequest,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused};

const SORTS: [&str; 8] =
    ["created_at", "-created_at", "updated_at", "-updated_at", "due_date", "-due_date", "task_id", "-task_id"];

fn all() -> ListTasksRequest {
    ListTasksRequest { org: "acme".into(), project: "web".into(), ..Default::default() }
}

async fn list(it: &Harness, request: ListTasksRequest) -> ListTasksResponse {
    it.client().list_tasks(it.bob.ask(request)).await.unwrap().into_inner()
}

fn ids(answer: &ListTasksResponse) -> Vec<String> {
    answer.tasks.iter().map(|task| task.task_id.clone()).collect()
}

async fn found(it: &Harness, request: ListTasksRequest) -> Vec<String> {
    ids(&list(it, request).await)
}

async fn add(it: &Harness, project: &str, title: &str, change: impl FnOnce(&mut CreateTaskRequest)) {
    let mut request =
        CreateTaskRequest { org: "acme".into(), project: project.into(), title: title.into(), ..Default::default() };
    change(&mut request);
    it.client().create_task(it.ada.ask(request)).await.unwrap();
}

/// Six tasks in WEB, two in API.
async fn start() -> Harness {
    let it = Harness::start().await;
    it.project("Web").await;
    it.project("Api").await;
    let bob = it.bob.id.to_string();
    add(&it, "web", "Write the readme", |task| {
        task.due_date = Some("2026-03-03".into());
    })
    .await;
    add(&it, "web", "Fix login page", |task| {
        task.status = Some("DONE".into());
    })
    .await;
    add(&it, "web", "Größe anpassen", |task| {
        task.due_date = Some("2026-01-01".into());
        task.assignee_id = Some(bob.clone());
    })
    .await;
    add(&it, "web", "Ship it", |task| {
        task.description = "Fix the last pages, then write release notes".into();
    })
    .await;
    add(&it, "web", "Rest", |task| {
        task.due_date = Some("2026-02-02T12:00:00Z".into());
        task.assignee_id = Some(bob.clone());
        task.status = Some("DONE".into());
    })
    .await;
    add(&it, "web", "it's a 'quoted' & | ! word", |_| ()).await;
    add(&it, "api", "Fix routes", |_| ()).await;
    add(&it, "api", "Rest", |task| task.assignee_id = Some(bob)).await;
    it
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_list() {
    let it = start().await;
    let bob = it.bob.id.to_string();
    let status = |status: &str| ListTasksRequest { status: status.into(), ..all() };
    let assignee = |assignee: &str| ListTasksRequest { assignee: assignee.into(), ..all() };
    let whole = |request| ListTasksRequest { project: String::new(), ..request };
    assert_eq!(found(&it, status("DONE")).await, ["WEB-2", "WEB-5"]);
    assert_eq!(found(&it, assignee("me")).await, ["WEB-3", "WEB-5"]);
    assert_eq!(found(&it, assignee(&bob)).await, ["WEB-3", "WEB-5"]);
    assert_eq!(found(&it, assignee("none")).await, ["WEB-1", "WEB-2", "WEB-4", "WEB-6"]);
    assert_eq!(found(&it, whole(assignee("me"))).await, ["WEB-3", "WEB-5", "API-2"]);
    assert_eq!(found(&it, ListTasksRequest { status: "DONE".into(), ..assignee("me") }).await, ["WEB-5"]);

    let before = |date: &str| ListTasksRequest { due_before: date.into(), ..all() };
    assert_eq!(found(&it, before("2026-02-02T12:00:00Z")).await, ["WEB-3"]);
    assert_eq!(found(&it, before("2026-02-02T12:00:00.001Z")).await, ["WEB-3", "WEB-5"]);
    let after = ListTasksRequest { due_after: "2026-01-01".into(), ..all() };
    assert_eq!(found(&it, after.clone()).await, ["WEB-1", "WEB-5"]);
    assert_eq!(found(&it, ListTasksRequest { due_before: "2026-03-03".into(), ..after }).await, ["WEB-5"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_text_finds_titles_and_descriptions() {
    let it = start().await;
    for (q, expected) in [
        ("fix", vec!["WEB-2", "WEB-4"]),
        ("FIX pag", vec!["WEB-2", "WEB-4"]),
        ("\"fix login\"", vec!["WEB-2"]),
        ("\"pag\"", vec![]),
        ("write -release", vec!["WEB-1"]),
        ("readme or größe", vec!["WEB-1", "WEB-3"]),
        ("grö", vec!["WEB-3"]),
        ("it's", vec!["WEB-6"]),
        ("-\"release notes\"", vec!["WEB-1", "WEB-2", "WEB-3", "WEB-5", "WEB-6"]),
        ("nothing", vec![]),
        ("!!! & | ( ) : * ' \\ <->", vec![]),
        ("'", vec![]),
    ] {
        assert_eq!(found(&it, ListTasksRequest { q: q.into(), ..all() }).await, expected, "{q}");
    }
    let whole = ListTasksRequest { q: "fix".into(), project: String::new(), ..all() };
    assert_eq!(found(&it, whole).await, ["WEB-2", "WEB-4", "API-1"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_what_it_says() {
    let it = start().await;
    let touch = UpdateTaskRequest {
        org: "acme".into(),
        task_id: "WEB-1".into(),
        title: Some("Touched".into()),
        ..Default::default()
    };
    it.client().update_task(it.bob.ask(touch)).await.unwrap();
    for (sort, expected) in [
        ("", [1, 2, 3, 4, 5, 6]),
        ("created_at", [1, 2, 3, 4, 5, 6]),
        ("-created_at", [6, 5, 4, 3, 2, 1]),
        ("updated_at", [2, 3, 4, 5, 6, 1]),
        ("-updated_at", [1, 6, 5, 4, 3, 2]),
        ("task_id", [1, 2, 3, 4, 5, 6]),
        ("-task_id", [6, 5, 4, 3, 2, 1]),
        // Without a date last, whichever the direction.
        ("due_date", [3, 5, 1, 2, 4, 6]),
        ("-due_date", [1, 5, 3, 6, 4, 2]),
    ] {
        let expected: Vec<_> = expected.iter().map(|number| format!("WEB-{number}")).collect();
        assert_eq!(found(&it, ListTasksRequest { sort: sort.into(), ..all() }).await, expected, "{sort}");
    }
    let whole = ListTasksRequest { sort: "-task_id".into(), project: String::new(), ..all() };
    assert_eq!(found(&it, whole).await, ["WEB-6", "WEB-5", "WEB-4", "WEB-3", "WEB-2", "WEB-1", "API-2", "API-1"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_order_give_each_task_once() {
    let it = start().await;
    for sort in SORTS {
        for project in ["web", ""] {
            let request = ListTasksRequest { sort: sort.into(), project: project.into(), ..all() };
            let whole = list(&it, request.clone()).await;
            assert_eq!(whole.next_cursor, "");
            for limit in [1, 2, 5, 6, 8] {
                let (mut seen, mut cursor) = (Vec::new(), String::new());
                loop {
                    let page = Some(Page { limit, cursor, ..Page::default() });
                    let answer = list(&it, ListTasksRequest { page, ..request.clone() }).await;
                    seen.extend(ids(&answer));
                    cursor = answer.next_cursor;
                    if cursor.is_empty() {
                        break;
                    }
                }
                assert_eq!(seen, ids(&whole), "{sort} {project} {limit}");
            }
        }
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_right_while_tasks_come_and_go() {
    let it = start().await;
    for (sort, expected) in [
        // Seen: 1 2. Then 1 and 3 go, and 7 comes with an early date.
        ("created_at", ["WEB-4", "WEB-5", "WEB-6", "WEB-7"]),
        ("due_date", ["WEB-2", "WEB-4", "WEB-6", ""]),
    ] {
        let it = if sort == "created_at" { &it } else { &start().await };
        let request = ListTasksRequest { sort: sort.into(), ..all() };
        let page = Some(Page { limit: if sort == "created_at" { 2 } else { 3 }, ..Page::default() });
        let first = list(it, ListTasksRequest { page, ..request.clone() }).await;
        for task_id in ["WEB-1", "WEB-3"] {
            let delete = DeleteTaskRequest { org: "acme".into(), task_id: task_id.into(), expected_version: None };
            it.client().delete_task(it.bob.ask(delete)).await.unwrap();
        }
        add(it, "web", "Early", |task| {
            task.due_date = Some("2020-01-01".into());
        })
        .await;
        let page = Some(Page { limit: 10, cursor: first.next_cursor, ..Page::default() });
        let rest = found(it, ListTasksRequest { page, ..request }).await;
        assert_eq!(rest, expected.into_iter().filter(|id| !id.is_empty()).collect::<Vec<_>>(), "{sort}");
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_named() {
    let it = start().await;
    let bad = ListTasksRequest {
        status: "done".into(),
        assignee: "bob".into(),
        q: "x".repeat(201),
        due_before: "now".into(),
        due_after: "2026-02-30".into(),
        sort: "title".into(),
        page: Some(Page { limit: 101, cursor: "?".into(), ..Page::default() }),
        ..all()
    };
    let (code, fields) = it.client().list_tasks(it.bob.ask(bad)).await.blames();
    assert_eq!(code, Code::InvalidRequest);
    let expected = [
        "status:invalid",
        "assignee:invalid",
        "q:too_long",
        "due_before:invalid",
        "due_after:invalid",
        "sort:invalid",
        "limit:invalid",
        "cursor:invalid",
    ];
    assert_eq!(fields, expected);
    // A cursor belongs to its order.
    let page = |cursor: String| Some(Page { limit: 1, cursor, ..Page::default() });
    let first = list(&it, ListTasksRequest { page: page(String::new()), ..all() }).await;
    let other = ListTasksRequest { page: page(first.next_cursor), sort: "-created_at".into(), ..all() };
    assert_eq!(it.client().list_tasks(it.bob.ask(other)).await.blames().1, ["cursor:invalid"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_has_a_position_too() {
    let it = start().await;
    let empty = it.project("Empty").await;
    let answer = list(&it, ListTasksRequest { project: "EMPTY".into(), ..all() }).await;
    assert!(answer.tasks.is_empty());
    it.assert_at_head(answer.position, &empty.id).await;
    let answer = list(&it, ListTasksRequest { status: "IN_PROGRESS".into(), ..all() }).await;
    assert_eq!((answer.tasks.len(), answer.position.unwrap().seq), (0, 7));
    assert_eq!(list(&it, all()).await.position.unwrap().seq, 7);
    assert_eq!(list(&it, ListTasksRequest { project: String::new(), ..all() }).await.position, None);
    let missing = ListTasksRequest { project: "nope".into(), ..all() };
    assert_eq!(it.client().list_tasks(it.bob.ask(missing)).await.problem().resource, "project");
    it.end().await;
}
