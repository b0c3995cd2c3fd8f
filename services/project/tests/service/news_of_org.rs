//! What happens in org: told to whom it was done, and forgotten by who is no member any more.

use std::time::Duration;

use trellis_proto::{
    event::v1::Event,
    org::v1::Role,
    project::v1::{
        CreateTaskRequest, Forgotten, NotificationKind, ProjectEvent, ReadNotificationRequest,
        UpdateNotificationPreferencesRequest, project_event::Object,
    },
};

use crate::{
    harness::{Harness, Person, eventually},
    watching::{watch, watches},
};

async fn count(it: &Harness, person: &Person) -> u64 {
    it.notifications(person).await.unread_count
}

/// Kinds of a person's events, and whether they say anything.
async fn order(it: &Harness, person: &Person) -> Vec<(String, bool)> {
    let events = it.events(&person.id.to_string()).await;
    events.into_iter().map(|event| (event.kind, !event.payload.is_empty())).collect()
}

fn shown(kind: &str) -> (String, bool) {
    (kind.to_owned(), true)
}

fn empty(kind: &str) -> (String, bool) {
    (kind.to_owned(), false)
}

async fn assign(it: &Harness, by: &Person, org: &str, to: &Person) {
    let request = CreateTaskRequest {
        org: org.into(),
        project: "web".into(),
        title: "Secret".into(),
        assignee_id: Some(to.id.to_string()),
        ..Default::default()
    };
    it.client().create_task(by.ask(request)).await.unwrap();
    it.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_added_or_got_another_role_is_told() {
    let mut it = Harness::start().await;
    let cid = Person::new();
    it.add_replica().await;
    it.world.add_member("acme", cid.id, Role::Member, Some(it.ada.id));
    it.world.set_role("acme", cid.id, Role::Admin, Some(it.ada.id));
    // One's own acts, and those of nobody.
    it.world.add_member("other", cid.id, Role::Member, None);
    it.world.set_role("acme", cid.id, Role::Member, None);
    eventually("both", async || count(&it, &cid).await >= 2).await;
    let list = it.notifications(&cid).await.notifications;
    let told: Vec<_> = list.iter().map(|one| (one.kind(), one.role.as_str(), one.actor_id.clone())).collect();
    let ada = it.ada.id.to_string();
    assert_eq!(
        told,
        [(NotificationKind::RoleChanged, "ADMIN", ada.clone()), (NotificationKind::Added, "MEMBER", ada.clone())]
    );
    assert_eq!(list[0].organization.clone().unwrap().name, "The acme");
    assert!(list[0].task.is_none());

    let quiet = UpdateNotificationPreferencesRequest { role_changed: Some(false), ..Default::default() };
    it.client().update_notification_preferences(cid.ask(quiet)).await.unwrap();
    it.world.set_role("acme", cid.id, Role::Admin, Some(it.ada.id));
    it.world.add_member("other", it.bob.id, Role::Member, Some(it.eve.id));
    eventually("the next", async || count(&it, &it.bob).await == 1).await;
    assert_eq!(count(&it, &cid).await, 2);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_keeps_nothing_of_the_organization() {
    let mut it = Harness::start().await;
    it.add_replica().await;
    it.project("Web").await;
    it.world.add_member("other", it.bob.id, Role::Member, Some(it.eve.id));
    assign(&it, &it.ada, "acme", &it.bob).await;
    watch(&it, &it.bob, "WEB-1").await;
    eventually("both", async || count(&it, &it.bob).await == 2).await;
    let list = it.notifications(&it.bob).await.notifications;
    let secret = list.iter().find(|one| one.kind() == NotificationKind::Assigned).unwrap();
    let read = ReadNotificationRequest { id: secret.id.clone() };
    it.client().read_notification(it.bob.ask(read.clone())).await.unwrap();

    it.world.remove_member("acme", it.bob.id);
    eventually("forgotten", async || it.notifications(&it.bob).await.notifications.len() == 1).await;
    let left = it.notifications(&it.bob).await;
    assert_eq!((left.unread_count, left.notifications[0].kind()), (1, NotificationKind::Added));
    it.client().read_notification(it.bob.ask(read)).await.unwrap_err();
    assert_eq!(it.count("SELECT count(*) FROM watchers").await, 0);
    // What was told before is in no event any more; the numbers stay.
    let events: Vec<Event> = it.events(&it.bob.id.to_string()).await;
    let acme = it.acme.to_string();
    let about: Vec<_> = events.iter().filter(|event| event.subject_id == acme).collect();
    let kinds: Vec<_> = about.iter().map(|event| (event.kind.as_str(), event.payload.is_empty())).collect();
    assert_eq!(kinds, [("notification.created", true), ("notification.read", true), ("notification.forgotten", false)]);
    let payload: ProjectEvent = prost::Message::decode(&*about[2].payload).unwrap();
    assert_eq!(payload.object, Some(Object::Forgotten(Forgotten { org_id: acme })));
    assert!(events.iter().any(|event| event.subject_id != it.acme.to_string() && !event.payload.is_empty()));

    // Back again, told again, and not told of removals where there was nothing to forget.
    it.world.add_member("acme", it.bob.id, Role::Member, Some(it.ada.id));
    eventually("added", async || count(&it, &it.bob).await == 2).await;
    assert!(!watches(&it, &it.bob, "WEB-1").await);
    it.world.remove_member("acme", it.bob.id);
    it.world.add_member("acme", it.bob.id, Role::Member, None);
    it.world.remove_member("acme", it.bob.id);
    it.world.add_member("acme", it.bob.id, Role::Member, Some(it.ada.id));
    eventually("added once more", async || {
        order(&it, &it.bob).await.ends_with(&[shown("notification.forgotten"), shown("notification.created")])
            && it.count("SELECT head FROM org_feed").await == 7
    })
    .await;
    assert_eq!(it.count("SELECT count(*) FROM event_log WHERE kind = 'notification.forgotten'").await, 2);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_in_the_middle_of_telling_leaves_nothing() {
    let it = Harness::start().await;
    it.project("Web").await;
    for turn in 1..=5 {
        let (bob, after) = (it.bob.id, turn % 2);
        it.world.after_next_roster(move |world| {
            world.remove_member("acme", bob);
            if after == 0 {
                world.add_member("acme", bob, Role::Member, None);
                world.remove_member("acme", bob);
            }
        });
        assign(&it, &it.ada, "acme", &it.bob).await;
        assert_eq!(it.notifications(&it.bob).await.notifications, [], "turn {turn}");
        let saying = "SELECT count(*) FROM event_log
                      WHERE kind LIKE 'notification%' AND kind <> 'notification.forgotten' AND payload <> ''";
        assert_eq!(it.count(saying).await, 0, "turn {turn}");
        it.world.add_member("acme", it.bob.id, Role::Member, None);
        // The project service has heard of it, too: bob is assigned the next one.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_return_is_not_taken_by_the_removal_before() {
    let it = Harness::start().await;
    it.project("Web").await;
    for turn in 0..5 {
        it.world.remove_member("acme", it.bob.id);
        it.world.add_member("acme", it.bob.id, Role::Member, None);
        // At once: the follower may not have heard of either yet.
        assign(&it, &it.ada, "acme", &it.bob).await;
        let list = it.notifications(&it.bob).await.notifications;
        assert_eq!(list.len(), 1, "turn {turn}: {list:?}");
        let order = order(&it, &it.bob).await;
        assert_eq!(order.last(), Some(&shown("notification.created")), "turn {turn}");
        assert!(order[..order.len() - 1].iter().all(|(kind, says)| kind.ends_with("forgotten") == *says));
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_organization_is_forgotten_by_all() {
    let it = Harness::start().await;
    it.project("Web").await;
    assign(&it, &it.ada, "acme", &it.bob).await;
    it.comment("WEB-1", "Hello").await;
    it.settled().await;
    // Bob's made room for newer ones; what it said is in the order still.
    sqlx::query("DELETE FROM notifications WHERE user_id = $1").bind(it.bob.id).execute(&it.db).await.unwrap();
    it.world.delete_organization("acme");
    let forgotten = "SELECT count(*) FROM event_log WHERE kind = 'notification.forgotten'";
    eventually("forgotten", async || it.count(forgotten).await == 2).await;
    assert_eq!(it.count("SELECT count(*) FROM notifications").await, 0);
    for person in [&it.ada, &it.bob] {
        assert_eq!(order(&it, person).await, [empty("notification.created"), shown("notification.forgotten")]);
    }
    it.end().await;
}

/// The rows of a large organization take minutes to go; here they wait for a lock.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_rows_of_a_deleted_organization() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    let mut held = it.db.begin().await.unwrap();
    let scope: uuid::Uuid = project.id.parse().unwrap();
    sqlx::query("SELECT id FROM scopes WHERE id = $1 FOR UPDATE").bind(scope).execute(&mut *held).await.unwrap();
    it.world.delete_organization("acme");
    eventually("closed", async || it.count("SELECT count(*) FROM leavings").await == 1).await;
    it.world.add_member("other", it.bob.id, Role::Member, Some(it.eve.id));
    eventually("told", async || count(&it, &it.bob).await == 1).await;
    it.world.remove_member("other", it.bob.id);
    eventually("forgotten", async || count(&it, &it.bob).await == 0).await;
    assert_eq!(it.count("SELECT count(*) FROM projects").await, 1);
    held.rollback().await.unwrap();
    eventually("gone", async || it.count("SELECT count(*) FROM leavings").await == 0).await;
    assert_eq!(it.count("SELECT count(*) FROM projects").await, 0);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_down_is_acted_upon_before_the_first_call() {
    let mut it = Harness::start().await;
    it.project("Web").await;
    assign(&it, &it.ada, "acme", &it.bob).await;
    it.stop_service().await;
    let cid = Person::new();
    it.world.remove_member("acme", it.bob.id);
    it.world.add_member("acme", cid.id, Role::Member, Some(it.ada.id));
    it.start_service("nats://127.0.0.1:1").await;
    assert_eq!((count(&it, &it.bob).await, count(&it, &cid).await), (0, 1));

    // Nobody can tell what happened any more: whoever was told something is asked for.
    it.world.add_member("acme", it.bob.id, Role::Member, None);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assign(&it, &it.ada, "acme", &it.bob).await;
    assert_eq!(count(&it, &it.bob).await, 1);
    it.stop_service().await;
    it.world.remove_member("acme", it.bob.id);
    it.world.forget_changes();
    it.start_service("nats://127.0.0.1:1").await;
    assert_eq!((count(&it, &it.bob).await, count(&it, &cid).await), (0, 1));
    it.end().await;
}
