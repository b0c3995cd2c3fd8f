//! Comments: content, who may edit and delete, counts, pages.

use trellis_proto::project::v1::{
    CreateCommentRequest, DeleteCommentRequest, DeleteTaskRequest, GetTaskRequest, ListCommentsRequest, Page,
    UpdateCommentRequest,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused};

fn edit(id: &str, content: Option<&str>) -> UpdateCommentRequest {
    UpdateCommentRequest { org: "acme".into(), id: id.into(), content: content.map(Into::into) }
}

fn delete(id: &str) -> DeleteCommentRequest {
    DeleteCommentRequest { org: "acme".into(), id: id.into() }
}

async fn count(it: &Harness) -> u64 {
    let get = GetTaskRequest { org: "acme".into(), task_id: "WEB-1".into() };
    it.client().get_task(it.bob.ask(get)).await.unwrap().into_inner().task.unwrap().comment_count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_made_edited_and_deleted() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    let task = it.task("web", "One").await;
    let request = CreateCommentRequest {
        org: "acme".into(),
        task_id: "web-1".into(),
        content: format!(" {} ", "😀".repeat(20_000)),
    };
    let answer = it.client().create_comment(it.bob.ask(request)).await.unwrap().into_inner();
    let made = answer.comment.unwrap();
    assert_eq!((made.task_id.as_str(), made.content.chars().count()), ("WEB-1", 20_000));
    assert_eq!((made.author_id.clone(), made.edited_at), (it.bob.id.to_string(), None));
    it.assert_at_head(answer.position, &project.id).await;
    assert_eq!(count(&it).await, 1);

    let answer = it.client().update_comment(it.bob.ask(edit(&made.id, Some(" New ")))).await.unwrap().into_inner();
    let edited = answer.comment.unwrap();
    assert_eq!((edited.content.as_str(), edited.created_at), ("New", made.created_at));
    assert!(edited.edited_at.is_some());
    it.assert_at_head(answer.position, &project.id).await;
    for nothing in [None, Some("New")] {
        let answer = it.client().update_comment(it.bob.ask(edit(&made.id, nothing))).await.unwrap().into_inner();
        assert_eq!(answer.comment.as_ref(), Some(&edited));
        it.assert_at_head(answer.position, &project.id).await;
    }
    assert_eq!(it.events(&project.id).await.len(), 4);

    let answer = it.client().delete_comment(it.bob.ask(delete(&made.id))).await.unwrap().into_inner();
    it.assert_at_head(answer.position, &project.id).await;
    assert_eq!(count(&it).await, 0);
    for refused in [
        it.client().delete_comment(it.bob.ask(delete(&made.id))).await.problem(),
        it.client().update_comment(it.bob.ask(edit(&made.id, None))).await.problem(),
        it.client().delete_comment(it.bob.ask(delete("WEB-1"))).await.problem(),
    ] {
        assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "comment"));
    }
    // Comments are no change of the task.
    let get = GetTaskRequest { org: "acme".into(), task_id: "WEB-1".into() };
    let after = it.client().get_task(it.bob.ask(get)).await.unwrap().into_inner().task.unwrap();
    assert_eq!(after, task);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_author_edits_and_an_admin_may_delete() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    let by_bob = it.comment("WEB-1", "mine").await;
    let request = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: "hers".into() };
    let by_ada = it.client().create_comment(it.ada.ask(request)).await.unwrap().into_inner().comment.unwrap().id;
    assert_eq!(it.client().update_comment(it.ada.ask(edit(&by_bob, Some("no")))).await.code(), Code::Forbidden);
    assert_eq!(it.client().update_comment(it.bob.ask(edit(&by_ada, Some("no")))).await.code(), Code::Forbidden);
    assert_eq!(it.client().delete_comment(it.bob.ask(delete(&by_ada))).await.code(), Code::Forbidden);
    it.client().delete_comment(it.ada.ask(delete(&by_bob))).await.unwrap();
    assert_eq!(count(&it).await, 1);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_content_is_refused() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    let mine = it.comment("WEB-1", "mine").await;
    for (content, code) in [("", "blank"), (" \n\t ", "blank"), (&"x".repeat(20_001), "too_long"), ("a\0", "invalid")] {
        let request = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: content.into() };
        let expected = (Code::ValidationFailed, vec![format!("content:{code}")]);
        assert_eq!(it.client().create_comment(it.bob.ask(request)).await.blames(), expected);
        assert_eq!(it.client().update_comment(it.bob.ask(edit(&mine, Some(content)))).await.blames(), expected);
    }
    assert_eq!(count(&it).await, 1);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_oldest_first_and_stay_right() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    it.task("web", "One").await;
    let list = |limit, cursor: String| ListCommentsRequest {
        org: "acme".into(),
        task_id: "web-1".into(),
        page: Some(Page { limit, cursor, ..Page::default() }),
    };
    let empty = it.client().list_comments(it.bob.ask(list(0, String::new()))).await.unwrap().into_inner();
    assert!(empty.comments.is_empty() && empty.next_cursor.is_empty());
    it.assert_at_head(empty.position, &project.id).await;

    let mut made = Vec::new();
    for number in 0..5 {
        made.push(it.comment("WEB-1", &number.to_string()).await);
    }
    let first = it.client().list_comments(it.bob.ask(list(2, String::new()))).await.unwrap().into_inner();
    it.assert_at_head(first.position, &project.id).await;
    for gone in [1, 2] {
        it.client().delete_comment(it.bob.ask(delete(&made[gone]))).await.unwrap();
    }
    made.push(it.comment("WEB-1", "5").await);
    let rest = it.client().list_comments(it.bob.ask(list(100, first.next_cursor))).await.unwrap().into_inner();
    let seen: Vec<_> = first.comments.into_iter().chain(rest.comments).map(|comment| comment.content).collect();
    assert_eq!(
        (seen, rest.next_cursor.as_str()),
        (vec!["0", "1", "3", "4", "5"].into_iter().map(String::from).collect(), "")
    );

    let refused = it.client().list_comments(it.bob.ask(list(500, "?".into()))).await.blames();
    assert_eq!(refused, (Code::InvalidRequest, vec!["limit:invalid".to_owned(), "cursor:invalid".to_owned()]));
    let gone = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: None };
    it.client().delete_task(it.bob.ask(gone)).await.unwrap();
    let refused = it.client().list_comments(it.bob.ask(list(1, String::new()))).await.problem();
    assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "task"));
    assert_eq!(it.count("SELECT count(*) FROM comments").await, 0);
    it.end().await;
}
