//! Lists that are too long for one answer: refused with a sentence that says what to do, and nothing else suffers.

use trellis_proto::project::v1::{
    GetTaskRequest, ListCommentsRequest, ListTasksOfProjectsRequest, ListTasksRequest, Page,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused};

const SENTENCE: &str = "This is too much for one answer: a whole list may have at most 10,000 items, and no answer more \
                        than 24 MiB. Please ask for pages, or for smaller ones.";

fn comments(page: Page) -> ListCommentsRequest {
    ListCommentsRequest { org: "acme".into(), task_id: "WEB-1".into(), page: Some(page) }
}

fn all() -> Page {
    Page { all: true, ..Page::default() }
}

async fn add_comments(it: &Harness, count: i32) {
    sqlx::query(
        "INSERT INTO comments (org_id, id, task_id, author_id, content)
         SELECT org_id, gen_random_uuid(), id, created_by, 'c' FROM tasks, generate_series(1, $1) WHERE number = 1",
    )
    .bind(count)
    .execute(&it.db)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_list_has_ten_thousand_items_at_most() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    add_comments(&it, 10_000).await;
    let answer = it.client().list_comments(it.bob.ask(comments(all()))).await.unwrap().into_inner();
    assert_eq!((answer.comments.len(), answer.next_cursor.as_str(), answer.cursors.len()), (10_000, "", 0));
    add_comments(&it, 1).await;
    let refused = it.client().list_comments(it.bob.ask(comments(all()))).await.problem();
    assert_eq!((refused.code, refused.detail.as_str()), (Code::InvalidRequest, SENTENCE));
    let answer = it.client().list_comments(it.bob.ask(comments(Page::default()))).await.unwrap().into_inner();
    assert_eq!(answer.comments.len(), 50);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_has_more_than_24_mib() {
    let it = Harness::start().await;
    for project in ["Web", "Api", "Ios", "Doc"] {
        let id = it.project(project).await.id;
        // 8 MB each: any two fit, all do not.
        sqlx::query(
            "INSERT INTO tasks (org_id, id, project_id, number, title, description, status, created_by)
             SELECT org_id, gen_random_uuid(), id, n, 'Long', repeat('x', 80000), 'TODO', id
             FROM projects, generate_series(1, 100) n WHERE id = $1::uuid",
        )
        .bind(&id)
        .execute(&it.db)
        .await
        .unwrap();
    }
    let mut client = it.client().max_decoding_message_size(32 << 20);
    let page = Some(Page { limit: 100, ..Page::default() });
    let of_project = ListTasksRequest { org: "acme".into(), project: "web".into(), page, ..Default::default() };
    let whole = ListTasksRequest { page: Some(all()), ..of_project.clone() };
    for request in [of_project.clone(), whole.clone()] {
        assert_eq!(client.list_tasks(it.bob.ask(request)).await.unwrap().into_inner().tasks.len(), 100);
    }
    // More often than there are connections: none stays behind with the rest of an answer.
    for _ in 0..40 {
        let refused = client.list_tasks(it.bob.ask(ListTasksRequest { project: String::new(), ..whole.clone() })).await;
        let refused = refused.problem();
        assert_eq!((refused.code, refused.detail.as_str()), (Code::InvalidRequest, SENTENCE));
    }
    let project_ids: Vec<String> = sqlx::query_scalar("SELECT id::text FROM projects").fetch_all(&it.db).await.unwrap();
    let many = |count: usize| ListTasksOfProjectsRequest {
        org: "acme".into(),
        project_ids: project_ids[..count].to_vec(),
        page: of_project.page.clone(),
        ..Default::default()
    };
    assert_eq!(client.list_tasks_of_projects(it.bob.ask(many(2))).await.unwrap().into_inner().lists.len(), 2);
    assert_eq!(client.list_tasks_of_projects(it.bob.ask(many(4))).await.problem().detail, SENTENCE);
    let get = GetTaskRequest { org: "acme".into(), task_id: "WEB-1".into() };
    assert!(client.get_task(it.bob.ask(get)).await.is_ok());
    it.end().await;
}
