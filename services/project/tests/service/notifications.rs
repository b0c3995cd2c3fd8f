//! One's own notifications: listed, counted, read; nobody else's.

use trellis_proto::project::v1::{
    CreateCommentRequest, GetNotificationPreferencesRequest, ListNotificationsRequest, ListNotificationsResponse,
    NotificationPreferences, Page, ProjectEvent, ReadAllNotificationsRequest, ReadNotificationRequest,
    UpdateNotificationPreferencesRequest, project_event::Object,
};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::harness::{Harness, Person, Refused, eventually};

/// Ada has a task, and bob comments on it.
async fn start(comments: usize) -> Harness {
    let it = Harness::start().await;
    it.project("Web").await;
    it.task("web", "One").await;
    for number in 0..comments {
        it.comment("WEB-1", &number.to_string()).await;
    }
    it.settled().await;
    it
}

async fn list(it: &Harness, unread: bool, page: Page) -> ListNotificationsResponse {
    let request = ListNotificationsRequest { unread, page: Some(page) };
    it.client().list_notifications(it.ada.ask(request)).await.unwrap().into_inner()
}

fn excerpts(list: &ListNotificationsResponse) -> Vec<&str> {
    list.notifications.iter().map(|one| one.excerpt.as_str()).collect()
}

fn payload(event: &trellis_proto::event::v1::Event) -> Object {
    let event: ProjectEvent = prost::Message::decode(&*event.payload).unwrap();
    event.object.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_newest_first_and_stay_right() {
    let it = start(5).await;
    let scope = it.ada.id.to_string();
    let page = |limit, cursor: &str| Page { limit, cursor: cursor.into(), ..Page::default() };
    let first = list(&it, false, page(2, "")).await;
    assert_eq!((excerpts(&first), first.unread_count), (vec!["4", "3"], 5));
    it.assert_at_head(first.position.clone(), &scope).await;
    it.comment("WEB-1", "5").await;
    it.settled().await;
    let rest = list(&it, false, page(100, &first.next_cursor)).await;
    assert_eq!((excerpts(&rest), rest.next_cursor.as_str(), rest.unread_count), (vec!["2", "1", "0"], "", 6));
    let back = Page { limit: 2, backward: true, with_cursors: true, ..Page::default() };
    let last = list(&it, false, back.clone()).await;
    assert_eq!(excerpts(&last), ["1", "0"]);
    assert_eq!(last.cursors.len(), 2);
    let before = list(&it, false, Page { cursor: last.next_cursor, ..back }).await;
    assert_eq!(excerpts(&before), ["3", "2"]);
    let whole = list(&it, false, Page { all: true, ..Page::default() }).await;
    assert_eq!(excerpts(&whole), ["5", "4", "3", "2", "1", "0"]);

    // Who was never told anything.
    let nobody = Person::new();
    let none =
        it.client().list_notifications(nobody.ask(ListNotificationsRequest::default())).await.unwrap().into_inner();
    let position = none.position.unwrap();
    assert_eq!((none.notifications.len(), none.unread_count, position.seq), (0, 0, 0));
    assert_eq!(position.scope, nobody.id.to_string());
    let bad = ListNotificationsRequest { unread: false, page: Some(page(101, "?")) };
    let refused = it.client().list_notifications(it.ada.ask(bad)).await.blames();
    assert_eq!(refused, (Code::InvalidRequest, vec!["limit:invalid".to_owned(), "cursor:invalid".to_owned()]));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_is_counted_and_told_to_ones_other_devices() {
    let it = start(3).await;
    let scope = it.ada.id.to_string();
    let read = async |id: &str| {
        let request = ReadNotificationRequest { id: id.into() };
        it.client().read_notification(it.ada.ask(request)).await.map(tonic::Response::into_inner)
    };
    let whole = list(&it, false, Page::default()).await;
    let id = whole.notifications[1].id.clone();
    let answer = read(&id).await.unwrap();
    let mut marked = answer.notification.unwrap();
    it.assert_at_head(answer.position, &scope).await;
    let again = read(&id).await.unwrap();
    assert_eq!(again.notification.as_ref(), Some(&marked), "read when it was read first");
    it.assert_at_head(again.position, &scope).await;

    let events = it.events(&scope).await;
    assert_eq!(
        (events.len(), events[3].kind.as_str(), &events[3].subject_id),
        (4, "notification.read", &it.acme.to_string())
    );
    assert_eq!(payload(&events[3]), Object::Notification(marked.clone()));
    assert!(marked.read_at.take().is_some());
    assert_eq!(marked, whole.notifications[1]);
    let unread = list(&it, true, Page::default()).await;
    assert_eq!((excerpts(&unread), unread.unread_count), (vec!["2", "0"], 2));

    let read_all = || it.ada.ask(ReadAllNotificationsRequest {});
    let answer = it.client().read_all_notifications(read_all()).await.unwrap().into_inner();
    assert_eq!(answer.count, 2);
    it.assert_at_head(answer.position, &scope).await;
    let again = it.client().read_all_notifications(read_all()).await.unwrap().into_inner();
    assert_eq!(again.count, 0);
    it.assert_at_head(again.position, &scope).await;
    let events = it.events(&scope).await;
    assert_eq!((events.len(), events[4].kind.as_str()), (5, "notification.all_read"));
    let Object::AllRead(all_read) = payload(&events[4]) else { panic!("not what was read") };
    let after = list(&it, false, Page::default()).await;
    assert_eq!((after.unread_count, after.notifications[0].read_at), (0, all_read.read_at));
    assert_eq!(excerpts(&list(&it, true, Page::default()).await), Vec::<&str>::new());

    let nobody = Person::new();
    let none =
        it.client().read_all_notifications(nobody.ask(ReadAllNotificationsRequest {})).await.unwrap().into_inner();
    assert_eq!((none.count, none.position.unwrap().seq), (0, 0));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_as_what_is_not_there() {
    let it = start(1).await;
    let id = list(&it, false, Page::default()).await.notifications[0].id.clone();
    let mut refused = Vec::new();
    for (person, id) in [
        (&it.bob, id.clone()),
        (&it.eve, id.clone()),
        (&Person::new(), id.clone()),
        (&it.ada, Uuid::now_v7().to_string()),
        (&it.ada, "x".to_owned()),
    ] {
        let request = ReadNotificationRequest { id };
        refused.push(it.client().read_notification(person.ask(request)).await.problem());
    }
    assert_eq!((refused[0].code, refused[0].resource.as_str()), (Code::NotFound, "notification"));
    assert!(refused.iter().all(|problem| *problem == refused[0]), "{refused:?}");
    assert_eq!(list(&it, true, Page::default()).await.unread_count, 1);
    let unsigned = tonic::Request::new(ListNotificationsRequest::default());
    assert_eq!(it.client().list_notifications(unsigned).await.code(), Code::Unauthenticated);
    let service = Harness::gateway(ReadAllNotificationsRequest {});
    assert_eq!(it.client().read_all_notifications(service).await.code(), Code::Unauthenticated);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_wanted_until_somebody_says_otherwise() {
    let it = Harness::start().await;
    let get = || it.bob.ask(GetNotificationPreferencesRequest {});
    let read =
        async || it.client().get_notification_preferences(get()).await.unwrap().into_inner().preferences.unwrap();
    let all =
        NotificationPreferences { assigned: true, mentioned: true, commented: true, added: true, role_changed: true };
    assert_eq!(read().await, all);
    let change = |added, assigned| UpdateNotificationPreferencesRequest { added, assigned, ..Default::default() };
    for (added, assigned, expected) in [
        (Some(false), None, NotificationPreferences { added: false, ..all }),
        (None, Some(false), NotificationPreferences { added: false, assigned: false, ..all }),
        (None, None, NotificationPreferences { added: false, assigned: false, ..all }),
        (Some(true), Some(true), all),
    ] {
        let answer = it.client().update_notification_preferences(it.bob.ask(change(added, assigned))).await.unwrap();
        assert_eq!(answer.into_inner().preferences, Some(expected));
        assert_eq!(read().await, expected);
    }
    let of_ada = it.client().get_notification_preferences(it.ada.ask(GetNotificationPreferencesRequest {})).await;
    assert_eq!(of_ada.unwrap().into_inner().preferences, Some(all));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_thousand_of_ninety_days_are_kept() {
    let mut it = start(1).await;
    // As if a thousand more had come before.
    sqlx::query(
        "INSERT INTO notifications (user_id, id, seq, event_id, kind, organization_id, organization_slug,
                                    organization_name, created_at)
         SELECT $1, gen_random_uuid(), -n, gen_random_uuid(), 'ADDED', $2, 'acme', 'Acme', now() - interval '91 days'
         FROM generate_series(1, 1100) n",
    )
    .bind(it.ada.id)
    .bind(it.acme)
    .execute(&it.db)
    .await
    .unwrap();
    sqlx::query("UPDATE scopes SET last_seq = 5000 WHERE id = $1").bind(it.ada.id).execute(&it.db).await.unwrap();
    let request = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: "newest".into() };
    it.client().create_comment(it.bob.ask(request)).await.unwrap();
    it.settled().await;
    assert_eq!(it.count("SELECT count(*) FROM notifications").await, 1000);
    let kept = list(&it, false, Page { limit: 2, ..Page::default() }).await;
    assert_eq!((excerpts(&kept), kept.unread_count), (vec!["newest", "0"], 1000));
    // Swept when it starts, and now and then.
    it.stop_service().await;
    it.start_service(&trellis_local::testing::nats_url().unwrap()).await;
    eventually("old ones go", async || it.count("SELECT count(*) FROM notifications").await == 2).await;
    it.end().await;
}
