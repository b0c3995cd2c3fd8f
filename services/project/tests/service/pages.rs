//! Pages of every list, forward and backward: the same items whichever way one walks.

use trellis_proto::project::v1::{
    CreateTaskRequest, ListActivityRequest, ListActivityResponse, ListCommentsRequest, ListCommentsResponse,
    ListProjectsRequest, ListProjectsResponse, ListTasksRequest, ListTasksResponse, Page, UpdateTaskRequest,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused};

pub const SORTS: [&str; 8] =
    ["created_at", "-created_at", "updated_at", "-updated_at", "due_date", "-due_date", "task_id", "-task_id"];

/// What an answer shows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    ids: Vec<String>,
    cursors: Vec<String>,
    next: String,
}

macro_rules! part {
    ($($Response:ty, $items:ident;)*) => {
        $(impl From<$Response> for Part {
            fn from(answer: $Response) -> Self {
                let ids = answer.$items.into_iter().map(|item| item.id).collect();
                Self { ids, cursors: answer.cursors, next: answer.next_cursor }
            }
        })*
    };
}

part! {
    ListProjectsResponse, projects;
    ListTasksResponse, tasks;
    ListCommentsResponse, comments;
    ListActivityResponse, activities;
}

/// Walks the list in pages of 1 to 4 in both directions, and from each of its items.
async fn assert_walks(what: &str, list: impl AsyncFn(Page) -> Part) {
    let whole = list(Page { all: true, with_cursors: true, ..Page::default() }).await;
    assert!(
        whole.ids.len() > 5 && whole.cursors.len() == whole.ids.len() && whole.next.is_empty(),
        "{what}: {whole:?}"
    );
    for limit in 1..=4 {
        for backward in [false, true] {
            let (mut seen, mut cursors) = (Vec::new(), Vec::new());
            let mut page = Page { limit, backward, with_cursors: true, ..Page::default() };
            loop {
                let part = list(page.clone()).await;
                assert!(part.ids.len() <= limit as usize, "{what}");
                let at = if backward { 0 } else { seen.len() };
                seen.splice(at..at, part.ids);
                cursors.splice(at..at, part.cursors);
                if part.next.is_empty() {
                    break;
                }
                page.cursor = part.next;
            }
            assert_eq!(seen, whole.ids, "{what}: {limit} {backward}");
            assert_eq!(cursors, whole.cursors, "{what}: {limit} {backward}");
        }
    }
    for (place, cursor) in whole.cursors.iter().enumerate() {
        let page = Page { limit: 2, cursor: cursor.clone(), ..Page::default() };
        let after = list(page.clone()).await;
        let rest = &whole.ids[place + 1..];
        assert_eq!((&after.ids[..], after.next.is_empty()), (&rest[..rest.len().min(2)], rest.len() <= 2), "{what}");
        assert!(after.cursors.is_empty());
        let before = list(Page { backward: true, ..page }).await;
        let first = place.saturating_sub(2);
        assert_eq!((&before.ids[..], before.next.is_empty()), (&whole.ids[first..place], first == 0), "{what}");
    }
}

/// Six tasks in WEB, of which two have no date and others share their times; two in API.
async fn start() -> Harness {
    let it = Harness::start().await;
    for project in ["Web", "Api"] {
        it.project(project).await;
    }
    let dates = [Some("2026-03-03"), None, Some("2026-01-01"), Some("2026-03-03"), None, Some("2026-02-02")];
    for (project, count) in [("web", 6), ("api", 2)] {
        for date in &dates[..count] {
            let request = CreateTaskRequest {
                org: "acme".into(),
                project: project.into(),
                title: "Task".into(),
                due_date: date.map(Into::into),
                ..Default::default()
            };
            it.client().create_task(it.ada.ask(request)).await.unwrap();
        }
    }
    // Ties, which the id decides.
    let times = "UPDATE tasks SET created_at = now() - (number / 3) * interval '1 s', updated_at = now() - (number % 3) * interval '1 s'";
    sqlx::query(times).execute(&it.db).await.unwrap();
    it
}

fn tasks_of(project: &str) -> ListTasksRequest {
    ListTasksRequest { org: "acme".into(), project: project.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_the_same_in_both_directions() {
    let it = start().await;
    for sort in SORTS {
        for project in ["web", ""] {
            let request = ListTasksRequest { sort: sort.into(), ..tasks_of(project) };
            let list = async |page| {
                let request = ListTasksRequest { page: Some(page), ..request.clone() };
                it.client().list_tasks(it.bob.ask(request)).await.unwrap().into_inner().into()
            };
            assert_walks(&format!("{sort} {project:?}"), list).await;
        }
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_without_a_date_are_last_also_from_behind() {
    let it = start().await;
    for (sort, expected) in [("due_date", ["WEB-4", "WEB-2", "WEB-5"]), ("-due_date", ["WEB-3", "WEB-5", "WEB-2"])] {
        let page = Some(Page { limit: 3, backward: true, ..Page::default() });
        let request = ListTasksRequest { sort: sort.into(), page, ..tasks_of("web") };
        let answer = it.client().list_tasks(it.bob.ask(request)).await.unwrap().into_inner();
        let ids: Vec<_> = answer.tasks.into_iter().map(|task| task.task_id).collect();
        assert_eq!(ids, expected, "{sort}");
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_holds_in_both_directions() {
    let it = start().await;
    for (number, status) in [(1, "DONE"), (4, "DONE"), (6, "DONE"), (5, "IN_PROGRESS")] {
        let change = UpdateTaskRequest {
            org: "acme".into(),
            task_id: format!("WEB-{number}"),
            status: Some(status.into()),
            ..Default::default()
        };
        it.client().update_task(it.bob.ask(change)).await.unwrap();
    }
    let list = async |page| {
        let request = ListTasksRequest {
            status: "DONE".into(),
            due_after: "2026-01-02".into(),
            sort: "task_id".into(),
            page: Some(page),
            ..tasks_of("web")
        };
        let answer = it.client().list_tasks(it.bob.ask(request)).await.unwrap().into_inner();
        (answer.tasks.into_iter().map(|task| task.number()).collect::<Vec<_>>(), answer.next_cursor)
    };
    let page = Page { limit: 2, backward: true, ..Page::default() };
    let (tail, next) = list(page.clone()).await;
    assert_eq!(tail, ["4", "6"]);
    assert_eq!(list(Page { cursor: next, ..page }).await, (vec!["1".to_owned()], String::new()));
    it.end().await;
}

trait Number {
    fn number(&self) -> String;
}

impl Number for trellis_proto::project::v1::Task {
    fn number(&self) -> String {
        self.task_id.rsplit('-').next().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_comments_and_activity_are_the_same_in_both_directions() {
    let it = start().await;
    for number in 0..5 {
        it.project(&format!("More {number}")).await;
    }
    for number in 0..7 {
        it.comment("WEB-1", &number.to_string()).await;
    }
    for sql in [
        "UPDATE comments SET created_at = now() + (content::int / 3) * interval '1 s'",
        "UPDATE projects SET created_at = now() + length(slug) * interval '1 s'",
    ] {
        sqlx::query(sql).execute(&it.db).await.unwrap();
    }
    let (org, task_id) = (String::from("acme"), String::from("WEB-1"));
    assert_walks("projects", async |page| {
        let request = ListProjectsRequest { org: org.clone(), page: Some(page) };
        it.client().list_projects(it.bob.ask(request)).await.unwrap().into_inner().into()
    })
    .await;
    assert_walks("comments", async |page| {
        let request = ListCommentsRequest { org: org.clone(), task_id: task_id.clone(), page: Some(page) };
        it.client().list_comments(it.bob.ask(request)).await.unwrap().into_inner().into()
    })
    .await;
    assert_walks("activity", async |page| {
        let request = ListActivityRequest { org: org.clone(), task_id: task_id.clone(), page: Some(page) };
        it.client().list_activity(it.bob.ask(request)).await.unwrap().into_inner().into()
    })
    .await;
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_list_has_no_part() {
    let it = start().await;
    let page = Some(Page { limit: 5, cursor: "x".into(), backward: true, with_cursors: true, all: true });
    let expected = (Code::InvalidRequest, ["limit", "cursor", "backward"].map(|it| format!("{it}:invalid")).to_vec());
    let (org, task_id) = (String::from("acme"), String::from("WEB-1"));
    let mut client = it.client();
    let request = ListProjectsRequest { org: org.clone(), page: page.clone() };
    assert_eq!(client.list_projects(it.bob.ask(request)).await.blames(), expected);
    for project in ["web", ""] {
        let request = ListTasksRequest { page: page.clone(), ..tasks_of(project) };
        assert_eq!(client.list_tasks(it.bob.ask(request)).await.blames(), expected);
    }
    let request = ListCommentsRequest { org: org.clone(), task_id: task_id.clone(), page: page.clone() };
    assert_eq!(client.list_comments(it.bob.ask(request)).await.blames(), expected);
    let request = ListActivityRequest { org, task_id, page };
    assert_eq!(client.list_activity(it.bob.ask(request)).await.blames(), expected);
    it.end().await;
}
