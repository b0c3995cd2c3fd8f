//! Requests with a key: done once, answered alike, never mixed up.

use tonic::{Request, Response};
use trellis_proto::project::v1::{
    CreateCommentRequest, CreateProjectRequest, CreateTaskRequest, DeleteProjectRequest, GetTaskRequest,
    ReadAllNotificationsRequest, ReadNotificationRequest, ReadNotificationResponse,
};
use trellis_rpc::{Code, IdempotencyKey, was_replayed};

use crate::harness::{Harness, Refused, eventually};

fn with_key<T>(mut request: Request<T>, key: &str, operation: &str, body: u8) -> Request<T> {
    IdempotencyKey { key: key.into(), operation: operation.into(), fingerprint: [body; 32] }.attach(&mut request);
    request
}

fn replayed<M: Clone>(first: &Response<M>, second: &Response<M>) -> (M, M) {
    assert!(!was_replayed(first) && was_replayed(second));
    (first.get_ref().clone(), second.get_ref().clone())
}

fn project() -> CreateProjectRequest {
    CreateProjectRequest { org: "acme".into(), name: "Web".into(), slug: Some("web".into()), ..Default::default() }
}

fn task(assignee: &str) -> CreateTaskRequest {
    CreateTaskRequest {
        org: "acme".into(),
        project: "web".into(),
        title: "One".into(),
        assignee_id: (!assignee.is_empty()).then(|| assignee.into()),
        ..Default::default()
    }
}

fn comment() -> CreateCommentRequest {
    CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: "Hello".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_gets_the_first_answer() {
    let it = Harness::start().await;
    let bob = it.bob.id.to_string();
    let first = it.client().create_project(with_key(it.ada.ask(project()), "k", "projects", 1)).await.unwrap();
    let again = it.client().create_project(with_key(it.ada.ask(project()), "k", "projects", 1)).await.unwrap();
    let (a, b) = replayed(&first, &again);
    assert_eq!(a, b);
    let first = it.client().create_task(with_key(it.ada.ask(task(&bob)), "k", "tasks", 1)).await.unwrap();
    let first_comment = it.client().create_comment(with_key(it.ada.ask(comment()), "k", "comments", 1)).await.unwrap();

    // Although what it needed is gone by now.
    it.world.remove_member("acme", it.bob.id);
    let again = it.client().create_task(with_key(it.ada.ask(task(&bob)), "k", "tasks", 1)).await.unwrap();
    let (a, b) = replayed(&first, &again);
    assert_eq!(a, b);
    let delete = DeleteProjectRequest { org: "acme".into(), project: "web".into(), expected_version: None };
    it.client().delete_project(it.ada.ask(delete)).await.unwrap();
    let again = it.client().create_task(with_key(it.ada.ask(task(&bob)), "k", "tasks", 1)).await.unwrap();
    assert_eq!(replayed(&first, &again).1, a);
    let again = it.client().create_comment(with_key(it.ada.ask(comment()), "k", "comments", 1)).await.unwrap();
    let (a, b) = replayed(&first_comment, &again);
    assert_eq!(a, b);
    assert_eq!(it.count("SELECT count(*) FROM event_log WHERE kind = 'task.created'").await, 1);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_body_one_user_and_one_operation() {
    let it = Harness::start().await;
    it.project("Web").await;
    let create = async |person: &crate::harness::Person, operation, body| {
        it.client().create_task(with_key(person.ask(task("")), "k", operation, body)).await
    };
    let first = create(&it.ada, "tasks", 1).await.unwrap();
    assert_eq!(create(&it.ada, "tasks", 2).await.code(), Code::IdempotencyKeyReused);
    for other in [create(&it.bob, "tasks", 1).await.unwrap(), create(&it.ada, "other", 2).await.unwrap()] {
        assert!(!was_replayed(&other));
    }
    // Only successes are kept.
    let bad = CreateTaskRequest { title: String::new(), ..task("") };
    let refused = it.client().create_task(with_key(it.ada.ask(bad), "k2", "tasks", 1)).await;
    assert_eq!(refused.code(), Code::ValidationFailed);
    let good = it.client().create_task(with_key(it.ada.ask(task("")), "k2", "tasks", 2)).await.unwrap();
    assert!(!was_replayed(&good));
    assert_eq!(first.into_inner().task.unwrap().task_id, "WEB-1");
    // A stranger with the key of another learns nothing.
    let refused = it.client().create_task(with_key(it.eve.ask(task("")), "k", "tasks", 1)).await.problem();
    assert_eq!((refused.code, refused.resource.as_str()), (Code::NotFound, "organization"));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_it_happens_once() {
    let it = Harness::start().await;
    it.project("Web").await;
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let (mut client, request) = (it.client(), with_key(it.ada.ask(task("")), "k", "tasks", 1));
            tokio::spawn(async move { client.create_task(request).await })
        })
        .collect();
    let mut done = 0;
    for attempt in tries {
        // Who is not the first waits for the answer.
        let answer = attempt.await.unwrap().unwrap();
        done += usize::from(!was_replayed(&answer));
        assert_eq!(answer.into_inner().task.unwrap().task_id, "WEB-1");
    }
    assert_eq!(done, 1);
    let get = GetTaskRequest { org: "acme".into(), task_id: "WEB-2".into() };
    assert_eq!(it.client().get_task(it.ada.ask(get)).await.code(), Code::NotFound);
    it.end().await;
}

/// Asked again, it does not mark what came meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_all_was_read_stays_unread() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "Draw").await;
    let read_all = async || {
        let request = with_key(it.ada.ask(ReadAllNotificationsRequest {}), "k", "POST /read-all", 0);
        it.client().read_all_notifications(request).await.unwrap()
    };
    // Nothing is unread yet: that counts, too.
    let first = read_all().await;
    let comment = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: "Hello".into() };
    it.client().create_comment(it.bob.ask(comment)).await.unwrap();
    eventually("told", async || it.notifications(&it.ada).await.unread_count == 1).await;
    let (first, again) = replayed(&first, &read_all().await);
    assert_eq!(first, again);
    assert_eq!(it.notifications(&it.ada).await.unread_count, 1);
    it.end().await;
}

/// It stays answered when it is forgotten, and what it said is not kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_is_gone_was_read_all_the_same() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "Draw").await;
    it.comment("WEB-1", "Secret").await;
    it.settled().await;
    let id = it.notifications(&it.ada).await.notifications[0].id.clone();
    let read = async |id: &str, key: &str, body: u8| {
        let request = ReadNotificationRequest { id: id.into() };
        it.client().read_notification(with_key(it.ada.ask(request), key, "GRAPHQL readNotification", body)).await
    };
    let first = read(&id, "k", 1).await.unwrap();
    let (first, again) = replayed(&first, &read(&id, "k", 1).await.unwrap());
    assert!(first.notification.is_some());
    assert_eq!(first, again);
    // It is read already: that is answered under a key, too.
    let unchanged = read(&id, "k2", 1).await.unwrap();
    let (unchanged, again) = replayed(&unchanged, &read(&id, "k2", 1).await.unwrap());
    assert_eq!([&unchanged, &again], [&first, &first]);
    assert_eq!(it.count("SELECT count(*) FROM event_log WHERE kind = 'notification.read'").await, 1);
    let another = uuid::Uuid::now_v7().to_string();
    for other in [&*another, "x"] {
        assert_eq!(read(other, "k", 2).await.code(), Code::IdempotencyKeyReused);
    }

    it.world.remove_member("acme", it.ada.id);
    eventually("forgotten", async || it.notifications(&it.ada).await.notifications.is_empty()).await;
    for key in ["k", "k2"] {
        let answer = read(&id, key, 1).await.unwrap();
        assert!(was_replayed(&answer));
        let without = ReadNotificationResponse { notification: None, position: first.position.clone() };
        assert_eq!(answer.into_inner(), without);
    }
    let kept = "SELECT count(*) FROM idempotency_keys WHERE encode(response, 'escape') LIKE '%Secret%'";
    assert_eq!(it.count(kept).await, 0);
    assert_eq!(read(&id, "k3", 1).await.code(), Code::NotFound);
    it.end().await;
}
