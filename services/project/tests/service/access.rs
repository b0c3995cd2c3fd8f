//! Who may do what: strangers see nothing, in every call alike; what a deleted organization leaves goes.

use tonic::{Request, Status};
use trellis_proto::project::v1::{self as pb, open_topic_request::Topic};
use trellis_rpc::{Code, Problem};

use crate::harness::{Client, Harness, Person, Refused, eventually};

/// Every call of users, with values that would be right for a member.
async fn call_all(client: &Client, org: &str, comment: &str, send: impl Fn() -> Request<()>) -> Vec<Status> {
    let mut refused = Vec::new();
    macro_rules! call {
        ($($name:ident($Request:ident { $($field:ident: $value:expr),* });)*) => {
            $(
                let message = pb::$Request { org: org.into(), $($field: $value,)* ..Default::default() };
                let (metadata, extensions, ()) = send().into_parts();
                let request = Request::from_parts(metadata, extensions, message);
                let answer = client.clone().$name(request).await;
                refused.push(answer.map(|_| stringify!($name)).expect_err("a refusal"));
            )*
        };
    }
    call! {
        create_project(CreateProjectRequest { name: "New".into() });
        get_project(GetProjectRequest { project: "web".into() });
        list_projects(ListProjectsRequest {});
        update_project(UpdateProjectRequest { project: "web".into(), name: Some("Mine".into()) });
        delete_project(DeleteProjectRequest { project: "web".into() });
        create_task(CreateTaskRequest { project: "web".into(), title: "Mine".into() });
        get_task(GetTaskRequest { task_id: "WEB-1".into() });
        list_tasks(ListTasksRequest { project: "web".into() });
        list_tasks(ListTasksRequest {});
        // Nothing of a request is judged before the access is.
        list_tasks(ListTasksRequest { sort: "bad".into() });
        create_task(CreateTaskRequest { project: "web".into(), title: String::new() });
        update_task(UpdateTaskRequest { task_id: "WEB-1".into(), title: Some("Mine".into()) });
        delete_task(DeleteTaskRequest { task_id: "WEB-1".into() });
        create_comment(CreateCommentRequest { task_id: "WEB-1".into(), content: "Hi".into() });
        list_comments(ListCommentsRequest { task_id: "WEB-1".into() });
        update_comment(UpdateCommentRequest { id: comment.into(), content: Some("Hi".into()) });
        delete_comment(DeleteCommentRequest { id: comment.into() });
        list_activity(ListActivityRequest { task_id: "WEB-1".into() });
        batch_get_projects(BatchGetProjectsRequest {});
        batch_get_tasks(BatchGetTasksRequest { task_ids: vec!["WEB-1".into()] });
        list_tasks_of_projects(ListTasksOfProjectsRequest {});
        list_comments_of_tasks(ListCommentsOfTasksRequest {});
        list_activity_of_tasks(ListActivityOfTasksRequest {});
        watch_task(WatchTaskRequest { task_id: "WEB-1".into() });
        unwatch_task(UnwatchTaskRequest { task_id: "WEB-1".into() });
        get_watch(GetWatchRequest { task_id: "WEB-1".into() });
        batch_get_watches(BatchGetWatchesRequest {});
        open_topic(OpenTopicRequest { topic: Some(Topic::TaskId("WEB-1".into())) });
        open_topic(OpenTopicRequest { topic: Some(Topic::Project("web".into())) });
        open_topic(OpenTopicRequest {});
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_find_no_organization_in_any_call() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    it.task("web", "One").await;
    let comment = it.comment("WEB-1", "Hello").await;
    for (person, org) in [(&it.eve, "acme"), (&it.eve, "nowhere"), (&it.ada, "other"), (&Person::new(), "acme")] {
        for status in call_all(&it.client, org, &comment, || person.ask(())).await {
            assert_eq!(Problem::from(&status), Problem::not_found("organization"));
        }
    }
    // Who calls without a token, with a bad one, or as a service, is nobody.
    for status in call_all(&it.client, "acme", &comment, || Request::new(())).await {
        assert_eq!(Problem::from(&status).code, Code::Unauthenticated);
    }
    for status in call_all(&it.client, "acme", &comment, || Harness::gateway(())).await {
        assert_eq!(Problem::from(&status).code, Code::Unauthenticated);
    }
    let read = pb::ReadEventsRequest { scope: project.id.clone(), after: 0, limit: 10 };
    assert_eq!(it.client().read_events(it.ada.ask(read)).await.code(), Code::Forbidden);
    let heads = pb::ReadHeadsRequest { scopes: vec![project.id.clone()] };
    assert_eq!(it.client().read_heads(it.ada.ask(heads)).await.code(), Code::Forbidden);
    assert_eq!(it.events(&project.id).await.len(), 3);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_organizations_with_equal_names_do_not_meet() {
    let it = Harness::start().await;
    let here = it.project("Web").await;
    let mine = it.task("web", "Ours").await;
    let comment = it.comment("WEB-1", "Hello").await;
    let request = pb::CreateProjectRequest { org: "other".into(), name: "Web".into(), ..Default::default() };
    let there = it.client().create_project(it.eve.ask(request)).await.unwrap().into_inner().project.unwrap();
    assert_eq!((there.slug.as_str(), there.key.as_str()), ("web", "WEB"));
    let request = pb::CreateTaskRequest {
        org: "other".into(),
        project: "WEB".into(),
        title: "Theirs".into(),
        ..Default::default()
    };
    let theirs = it.client().create_task(it.eve.ask(request)).await.unwrap().into_inner().task.unwrap();
    assert_eq!(theirs.task_id, mine.task_id);

    let get = |org: &str| pb::GetTaskRequest { org: org.into(), task_id: "WEB-1".into() };
    let seen = it.client().get_task(it.eve.ask(get("other"))).await.unwrap().into_inner().task.unwrap();
    assert_eq!((seen.title.as_str(), seen.comment_count), ("Theirs", 0));
    let list = pb::ListTasksRequest { org: "other".into(), ..Default::default() };
    assert_eq!(it.client().list_tasks(it.eve.ask(list)).await.unwrap().into_inner().tasks, [theirs]);
    // Ids of the one are nothing in the other.
    let steal = pb::DeleteCommentRequest { org: "other".into(), id: comment };
    assert_eq!(it.client().delete_comment(it.eve.ask(steal)).await.problem().resource, "comment");
    let topic = pb::OpenTopicRequest { org: "other".into(), topic: Some(Topic::TaskId("WEB-1".into())) };
    let topic = it.client().open_topic(it.eve.ask(topic)).await.unwrap().into_inner();
    assert_eq!(topic.head.unwrap().scope, there.id);
    let seen = it.client().get_task(it.bob.ask(get("acme"))).await.unwrap().into_inner().task.unwrap();
    assert_eq!((seen.title.as_str(), seen.project.unwrap().id), ("Ours", here.id));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_a_stranger_within_a_second() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.world.remove_member("acme", it.bob.id);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for status in call_all(&it.client, "acme", "", || it.bob.ask(())).await {
        assert_eq!(Problem::from(&status), Problem::not_found("organization"));
    }
    it.end().await;
}

const LEFT: &str =
    "SELECT (SELECT count(*) FROM projects) + (SELECT count(*) FROM tasks) + (SELECT count(*) FROM comments)
                    + (SELECT count(*) FROM activity) + (SELECT count(*) FROM deleted_projects)
                    + (SELECT count(*) FROM deleted_tasks) + (SELECT count(*) FROM watchers)
                    + (SELECT count(*) FROM notifications)";

async fn fill(it: &Harness) {
    for name in ["One", "Two", "Three"] {
        let project = it.project(name).await;
        let task = it.task(&project.slug, "Task").await;
        it.comment(&task.task_id, "Hello").await;
    }
    let delete = pb::DeleteProjectRequest { org: "acme".into(), project: "two".into(), expected_version: None };
    it.client().delete_project(it.ada.ask(delete)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_organization_leaves_nothing() {
    let it = Harness::start().await;
    fill(&it).await;
    let request = pb::CreateProjectRequest { org: "other".into(), name: "Stays".into(), ..Default::default() };
    it.client().create_project(it.eve.ask(request)).await.unwrap();
    it.world.delete_organization("acme");
    // What stays is the project of the other organization, and its activity.
    eventually("rows go", async || it.count(LEFT).await == 2).await;
    assert_eq!(it.count("SELECT count(*) FROM tenants WHERE deleted_at IS NOT NULL").await, 1);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_not_missed_while_down_and_nats_is_not_needed() {
    let mut it = Harness::start().await;
    fill(&it).await;
    it.stop_service().await;
    it.world.delete_organization("acme");
    assert!(it.count(LEFT).await > 0);
    it.start_service("nats://127.0.0.1:1").await;
    eventually("rows go", async || it.count(LEFT).await == 0).await;
    it.end().await;
}
