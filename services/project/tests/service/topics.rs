//! Live topics: of what is there, of what was deleted while its events are kept, and of nothing else.

use std::time::Duration;

use trellis_proto::project::v1::{
    DeleteProjectRequest, DeleteTaskRequest, OpenTopicRequest, OpenTopicResponse, open_topic_request::Topic,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused, eventually};

fn task(id: &str) -> OpenTopicRequest {
    OpenTopicRequest { org: "acme".into(), topic: Some(Topic::TaskId(id.into())) }
}

fn project(word: &str) -> OpenTopicRequest {
    OpenTopicRequest { org: "acme".into(), topic: Some(Topic::Project(word.into())) }
}

async fn open(it: &Harness, topic: OpenTopicRequest) -> OpenTopicResponse {
    it.client().open_topic(it.bob.ask(topic)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_says_where_its_order_stands() {
    let it = Harness::start().await;
    let web = it.project("Web").await;
    let one = it.task("web", "One").await;
    let of_task = open(&it, task("web-1")).await;
    assert_eq!((of_task.subject_id.as_str(), of_task.oldest), (one.id.as_str(), 0));
    assert_eq!(of_task.org_id, it.acme.to_string());
    assert!(!of_task.access_epoch.is_empty());
    it.assert_at_head(of_task.head, &web.id).await;
    for word in ["web", "WEB"] {
        let of_project = open(&it, project(word)).await;
        assert_eq!(of_project.subject_id, "");
        it.assert_at_head(of_project.head, &web.id).await;
    }
    for (topic, resource) in
        [(task("WEB-2"), "task"), (task("?"), "task"), (project("Web"), "project"), (project(""), "project")]
    {
        let refused = it.client().open_topic(it.bob.ask(topic)).await.problem();
        assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, resource));
    }
    let none = OpenTopicRequest { org: "acme".into(), topic: None };
    assert_eq!(it.client().open_topic(it.bob.ask(none)).await.code(), Code::InvalidRequest);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_stays_until_its_events_go() {
    let mut it = Harness::start().await;
    let web = it.project("Web").await;
    let one = it.task("web", "One").await;
    let two = it.task("web", "Two").await;
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: None };
    it.client().delete_task(it.bob.ask(delete)).await.unwrap();
    let gone = open(&it, task("WEB-1")).await;
    assert_eq!((gone.subject_id.as_str(), gone.deleted), (one.id.as_str(), true));
    assert!(!open(&it, task("WEB-2")).await.deleted);
    it.assert_at_head(gone.head, &web.id).await;

    let delete = DeleteProjectRequest { org: "acme".into(), project: "web".into(), expected_version: None };
    it.client().delete_project(it.ada.ask(delete)).await.unwrap();
    for (topic, subject) in
        [(project("web"), ""), (project("WEB"), ""), (task("WEB-1"), &one.id), (task("WEB-2"), &two.id)]
    {
        let gone = open(&it, topic).await;
        assert_eq!((gone.subject_id.as_str(), gone.deleted), (subject, true));
        it.assert_at_head(gone.head, &web.id).await;
    }

    // What exists goes first.
    let again = it.project("Web").await;
    let found = open(&it, project("web")).await;
    assert_eq!((found.head.unwrap().scope, found.deleted), (again.id, false));
    assert_eq!(open(&it, task("WEB-1")).await.subject_id, one.id);
    let first = it.task("web", "First").await;
    assert_eq!(open(&it, task("WEB-1")).await.subject_id, first.id);
    assert_eq!(open(&it, task("WEB-2")).await.subject_id, two.id);

    // Events are kept for 7 days: pretend that these are over, and that the service starts after them. The relay
    // must have published them before.
    eventually("published", async || it.count("SELECT count(*) FROM outbox").await == 0).await;
    sqlx::query("UPDATE event_log SET occurred_at = now() - interval '8 days'").execute(&it.db).await.unwrap();
    it.stop_service().await;
    for _ in 0..2 {
        // The first round forgets events, one after it the names.
        it.start_service(&trellis_local::testing::nats_url().unwrap()).await;
        let quiet = async {
            while it.count("SELECT count(*) FROM event_log").await > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), quiet).await.unwrap();
        it.stop_service().await;
    }
    it.start_service(&trellis_local::testing::nats_url().unwrap()).await;
    eventually("names are forgotten", async || {
        it.count("SELECT (SELECT count(*) FROM deleted_tasks) + (SELECT count(*) FROM deleted_projects)").await == 0
    })
    .await;
    assert_eq!(it.client().open_topic(it.bob.ask(task("WEB-2"))).await.code(), Code::NotFound);
    // What is still there keeps its order, whose beginning is no longer kept.
    let live = open(&it, task("WEB-1")).await;
    assert_eq!((live.subject_id, live.oldest, live.head.unwrap().seq), (first.id, 2, 2));
    it.end().await;
}
