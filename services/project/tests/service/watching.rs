//! Watching a task, and the live order of one's own notifications.

use trellis_proto::{
    org::v1::Role,
    project::v1::{
        BatchGetWatchesRequest, CreateProjectRequest, CreateTaskRequest, DeleteTaskRequest, GetWatchRequest,
        OpenTopicRequest, OpenTopicResponse, UnwatchTaskRequest, WatchTaskRequest, open_topic_request::Topic,
    },
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::harness::{Harness, Person, Refused};

pub async fn watch(it: &Harness, person: &Person, task_id: &str) {
    let request = WatchTaskRequest { org: "acme".into(), task_id: task_id.into() };
    it.client().watch_task(person.ask(request)).await.unwrap();
}

pub async fn unwatch(it: &Harness, person: &Person, task_id: &str) {
    let request = UnwatchTaskRequest { org: "acme".into(), task_id: task_id.into() };
    it.client().unwatch_task(person.ask(request)).await.unwrap();
}

pub async fn watches(it: &Harness, person: &Person, task_id: &str) -> bool {
    let request = GetWatchRequest { org: "acme".into(), task_id: task_id.into() };
    it.client().get_watch(person.ask(request)).await.unwrap().into_inner().watching
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_watched_by_who_wants_to() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    assert!(!watches(&it, &it.bob, "WEB-1").await);
    for _ in 0..2 {
        watch(&it, &it.bob, "web-1").await;
        assert!(watches(&it, &it.bob, "WEB-1").await);
        assert!(!watches(&it, &it.ada, "WEB-1").await, "nobody else does");
    }
    for _ in 0..2 {
        unwatch(&it, &it.bob, "WEB-1").await;
        assert!(!watches(&it, &it.bob, "WEB-1").await);
    }
    watch(&it, &it.bob, "WEB-1").await;
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-1".into(), expected_version: None };
    it.client().delete_task(it.ada.ask(delete)).await.unwrap();
    assert_eq!(it.count("SELECT count(*) FROM watchers").await, 0);
    for task_id in ["WEB-1", "WEB-2", "?"] {
        let request = WatchTaskRequest { org: "acme".into(), task_id: task_id.into() };
        assert_eq!(it.client().watch_task(it.bob.ask(request)).await.problem().resource, "task");
        let request = GetWatchRequest { org: "acme".into(), task_id: task_id.into() };
        assert_eq!(it.client().get_watch(it.bob.ask(request)).await.problem().resource, "task");
    }
    it.end().await;
}

/// Of each of these tasks, whether the person watches it: asked at once, each twice, and with what is no task.
async fn watches_of(it: &Harness, person: &Person, org: &str, ids: &[String]) -> Vec<bool> {
    let noise = [Uuid::now_v7().to_string(), "WEB-1".into(), "x\0".into(), String::new()];
    let sent = ids.iter().chain(ids).cloned().chain(noise).collect();
    let request = BatchGetWatchesRequest { org: org.into(), ids: sent };
    let found = it.client().batch_get_watches(person.ask(request)).await.unwrap().into_inner().ids;
    let watches: Vec<_> = ids.iter().map(|id| found.contains(id)).collect();
    assert_eq!(found.len(), watches.iter().filter(|watches| **watches).count(), "each once, and nothing else");
    watches
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_tasks_those_of_the_organization_that_one_watches_oneself_are_told() {
    let it = Harness::start().await;
    it.project("Web").await;
    let mut ids = Vec::new();
    for title in ["One", "Two", "Three"] {
        ids.push(it.task("web", title).await.id);
    }
    // Another organization that bob is in, with a task of the same name.
    it.world.add_organization("both", &[(it.bob.id, Role::Admin)]);
    let project = CreateProjectRequest { org: "both".into(), name: "Web".into(), ..Default::default() };
    it.client().create_project(it.bob.ask(project)).await.unwrap();
    let task =
        CreateTaskRequest { org: "both".into(), project: "web".into(), title: "One".into(), ..Default::default() };
    ids.push(it.client().create_task(it.bob.ask(task)).await.unwrap().into_inner().task.unwrap().id);
    assert_eq!(watches_of(&it, &it.bob, "acme", &ids).await, [false; 4]);

    watch(&it, &it.bob, "WEB-1").await;
    watch(&it, &it.bob, "WEB-3").await;
    watch(&it, &it.ada, "WEB-2").await;
    let there = WatchTaskRequest { org: "both".into(), task_id: "WEB-1".into() };
    it.client().watch_task(it.bob.ask(there)).await.unwrap();
    assert_eq!(watches_of(&it, &it.bob, "acme", &ids).await, [true, false, true, false]);
    assert_eq!(watches_of(&it, &it.ada, "acme", &ids).await, [false, true, false, false]);
    assert_eq!(watches_of(&it, &it.bob, "both", &ids).await, [false, false, false, true]);
    assert_eq!(watches_of(&it, &it.eve, "other", &ids).await, [false; 4]);
    assert!(watches_of(&it, &it.bob, "acme", &[]).await.is_empty());

    unwatch(&it, &it.bob, "WEB-1").await;
    let delete = DeleteTaskRequest { org: "acme".into(), task_id: "WEB-3".into(), expected_version: None };
    it.client().delete_task(it.ada.ask(delete)).await.unwrap();
    assert_eq!(watches_of(&it, &it.bob, "acme", &ids).await, [false; 4]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tasks_that_are_watched_while_they_are_deleted_nothing_stays() {
    let it = Harness::start().await;
    it.project("Web").await;
    for number in 1..=20 {
        it.task("web", "One").await;
        let task_id = format!("WEB-{number}");
        let watching = {
            let (mut client, request) =
                (it.client(), it.bob.ask(WatchTaskRequest { org: "acme".into(), task_id: task_id.clone() }));
            tokio::spawn(async move { client.watch_task(request).await })
        };
        let delete = DeleteTaskRequest { org: "acme".into(), task_id, expected_version: None };
        it.client().delete_task(it.ada.ask(delete)).await.unwrap();
        if let Err(refused) = watching.await.unwrap() {
            assert_eq!(Err::<(), _>(refused).problem().resource, "task");
        }
    }
    assert_eq!(it.count("SELECT count(*) FROM watchers").await, 0);
    it.end().await;
}

async fn open(it: &Harness, person: &Person) -> OpenTopicResponse {
    let request = OpenTopicRequest { org: String::new(), topic: Some(Topic::Notifications(true)) };
    it.client().open_topic(person.ask(request)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_order_can_be_followed_before_anything_was_told() {
    let it = Harness::start().await;
    let stranger = Person::new();
    for person in [&it.bob, &stranger, &it.bob] {
        let topic = open(&it, person).await;
        let head = topic.head.unwrap();
        assert_eq!((head.scope, head.seq, topic.oldest), (person.id.to_string(), 0, 0));
        assert_eq!((topic.org_id, topic.subject_id, topic.access_epoch, topic.access_seq), Default::default());
    }
    assert!(it.events(&it.bob.id.to_string()).await.is_empty());
    it.project("Web").await;
    it.task("web", "One").await;
    it.comment("WEB-1", "Hello").await;
    it.settled().await;
    assert_eq!(open(&it, &it.ada).await.head.unwrap().seq, 1);

    let not_one = OpenTopicRequest { org: "acme".into(), topic: Some(Topic::Notifications(false)) };
    assert_eq!(it.client().open_topic(it.bob.ask(not_one)).await.code(), Code::InvalidRequest);
    let mine = || OpenTopicRequest { org: String::new(), topic: Some(Topic::Notifications(true)) };
    assert_eq!(it.client().open_topic(tonic::Request::new(mine())).await.code(), Code::Unauthenticated);
    assert_eq!(it.client().open_topic(Harness::gateway(mine())).await.code(), Code::Unauthenticated);
    it.end().await;
}
