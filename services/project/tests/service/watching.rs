//! Watching a task, and the live order of one's own notifications.

use trellis_proto::project::v1::{
    DeleteTaskRequest, GetWatchRequest, OpenTopicRequest, OpenTopicResponse, UnwatchTaskRequest, WatchTaskRequest,
    open_topic_request::Topic,
};
use trellis_rpc::Code;

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
