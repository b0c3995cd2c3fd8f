//! One's own notifications, what one is notified of, and what one watches.

use http::Method;
use prost_types::Timestamp;
use serde_json::{Value, json};
use trellis_gateway::cursor::Cursor;
use trellis_proto::{
    event::v1::Position,
    org::v1::{ListOrganizationsRequest, ListOrganizationsResponse, Organization, Page as OrgPage},
    project::v1::{
        GetNotificationPreferencesRequest, GetNotificationPreferencesResponse, GetWatchRequest, GetWatchResponse,
        ListNotificationsRequest, ListNotificationsResponse, Notification, NotificationKind, NotificationPreferences,
        Page, ReadAllNotificationsRequest, ReadAllNotificationsResponse, ReadNotificationRequest,
        ReadNotificationResponse, UnwatchTaskRequest, UnwatchTaskResponse, UpdateNotificationPreferencesRequest,
        UpdateNotificationPreferencesResponse, WatchTaskRequest, WatchTaskResponse,
        notification::{Organization as Of, Task},
    },
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::gateway::{ANN, EVE, Harness, ask, blame};

const NOTIFICATIONS: &str = "/api/v1/me/notifications";
const PREFERENCES: &str = "/api/v1/me/notification-preferences";
const WATCH: &str = "/api/v1/organizations/acme/tasks/web-1/watch";

fn position() -> Position {
    Position { epoch: Uuid::from_u128(1).to_string(), scope: ANN.to_string(), seq: 7 }
}

fn cursor() -> String {
    Cursor::try_from(&position()).unwrap().to_string()
}

fn notification(id: &str, org: &str, kind: NotificationKind) -> Notification {
    Notification {
        id: id.into(),
        kind: kind.into(),
        actor_id: ANN.to_string(),
        organization: Some(Of { id: org.into(), slug: "old".into(), name: "Old".into() }),
        task: Some(Task { id: "t".into(), task_id: "WEB-1".into(), title: "Draw".into() }),
        comment_id: "c".into(),
        excerpt: "Hi".into(),
        created_at: Some(Timestamp { seconds: 1_769_851_800, nanos: 0 }),
        read_at: Some(Timestamp { seconds: 1_769_851_801, nanos: 0 }),
        ..Notification::default()
    }
}

/// Ann's organizations are these.
fn belongs_to(gateway: &Harness, ids: &'static [&str]) {
    gateway.fake.on("OrgService/ListOrganizations", |request: ListOrganizationsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        assert_eq!(
            request,
            ListOrganizationsRequest { mine: true, page: Some(OrgPage { all: true, ..OrgPage::default() }) }
        );
        let named = |id: &&str| Organization {
            id: (*id).into(),
            slug: "new".into(),
            name: "New".into(),
            ..Organization::default()
        };
        Ok(ListOrganizationsResponse {
            organizations: ids.iter().map(named).collect(),
            ..ListOrganizationsResponse::default()
        })
    });
}

async fn listing() -> Harness {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/ListNotifications", |_: ListNotificationsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        let added = Notification {
            actor_id: String::new(),
            task: None,
            comment_id: String::new(),
            excerpt: String::new(),
            role: "MEMBER".into(),
            read_at: None,
            ..notification("n1", "mine", NotificationKind::Added)
        };
        Ok(ListNotificationsResponse {
            notifications: vec![
                notification("n3", "mine", NotificationKind::Mentioned),
                Notification { read_at: None, ..notification("n2", "gone", NotificationKind::Assigned) },
                added,
            ],
            next_cursor: "more".into(),
            unread_count: 3,
            position: Some(position()),
            ..ListNotificationsResponse::default()
        })
    });
    gateway
}

#[tokio::test]
async fn they_are_listed_with_what_is_unread_and_where_the_order_stands() {
    let gateway = listing().await;
    belongs_to(&gateway, &["mine", "gone"]);
    let answer = gateway.get(&format!("{NOTIFICATIONS}?unread=true&limit=3&cursor=abc")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("trellis-cursor"), Some(&*cursor()));
    let ann = json!({"id": ANN, "name": "Ann", "email": "ann@example.org"});
    let shown = answer.json();
    assert_eq!(
        shown["items"][0],
        json!({
            "id": "n3", "kind": "mentioned", "actor": ann,
            "organization": {"id": "mine", "slug": "new", "name": "New"},
            "task": {"id": "t", "task_id": "WEB-1", "title": "Draw"}, "comment_id": "c", "excerpt": "Hi", "role": null,
            "created_at": "2026-01-31T09:30:00.000Z", "read_at": "2026-01-31T09:30:01.000Z",
        })
    );
    assert_eq!(
        shown["items"][2],
        json!({
            "id": "n1", "kind": "added", "actor": null, "organization": {"id": "mine", "slug": "new", "name": "New"},
            "task": null, "comment_id": null, "excerpt": null, "role": "MEMBER",
            "created_at": "2026-01-31T09:30:00.000Z", "read_at": null,
        })
    );
    assert_eq!((&shown["next_cursor"], &shown["unread_count"]), (&json!("more"), &json!(3)));
    let asked: ListNotificationsRequest = gateway.fake.asked("ProjectService/ListNotifications");
    let page = Page { limit: 3, cursor: "abc".into(), ..Page::default() };
    assert_eq!(asked, ListNotificationsRequest { unread: true, page: Some(page) });
    gateway.get(&format!("{NOTIFICATIONS}?unread=false")).await;
    assert!(!gateway.fake.asked::<ListNotificationsRequest>("ProjectService/ListNotifications").unread);
}

#[tokio::test]
async fn nothing_is_shown_of_an_organization_that_one_does_not_belong_to() {
    let gateway = listing().await;
    belongs_to(&gateway, &["mine"]);
    let shown = gateway.get(NOTIFICATIONS).await.json();
    let ids: Vec<_> = shown["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, ["n3", "n1"]);
    assert_eq!(shown["unread_count"], 2);
    // Where that cannot be known, nothing is shown at all.
    gateway.fake.on("OrgService/ListOrganizations", |_: ListOrganizationsRequest, _| {
        Err::<ListOrganizationsResponse, _>(Problem::unavailable("Try again.").into())
    });
    gateway.get(NOTIFICATIONS).await.problem(503, "unavailable");
}

#[tokio::test]
async fn who_has_none_has_an_empty_list() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/ListNotifications", |_: ListNotificationsRequest, _| {
        Ok(ListNotificationsResponse::default())
    });
    let answer = gateway.get(NOTIFICATIONS).await;
    assert_eq!(answer.json(), json!({"items": [], "next_cursor": null, "unread_count": 0}));
}

#[tokio::test]
async fn one_is_read_or_all_of_them() {
    let gateway = Harness::start().await;
    gateway.fake.on("ProjectService/ReadNotification", |request: ReadNotificationRequest, call| {
        assert_eq!(call.user, Some(ANN));
        if request.id != "mine" {
            return Err(Problem::not_found("notification").into());
        }
        Ok(ReadNotificationResponse { notification: None, position: Some(position()) })
    });
    gateway.fake.on("ProjectService/ReadAllNotifications", |_: ReadAllNotificationsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(ReadAllNotificationsResponse { count: 3, position: Some(position()) })
    });
    for path in ["mine/read", "read-all"] {
        for key in ["", "k1"] {
            let mut request = ask(Method::POST, &format!("{NOTIFICATIONS}/{path}")).signed_in_as(ANN);
            if !key.is_empty() {
                request = request.header("idempotency-key", key);
            }
            let answer = gateway.send(request.without_body()).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{path}");
            assert_eq!(answer.header("trellis-cursor"), Some(&*cursor()));
        }
    }
    let bad =
        ask(Method::POST, &format!("{NOTIFICATIONS}/read-all")).signed_in_as(ANN).header("idempotency-key", "a b");
    gateway.send(bad.without_body()).await.problem(400, "invalid_request");
    gateway.post(&format!("{NOTIFICATIONS}/another/read"), "{}").await.problem(404, "not_found");
    gateway.post(&format!("{NOTIFICATIONS}/mine"), "{}").await.problem(404, "not_found");
    gateway.get(&format!("{NOTIFICATIONS}/read-all")).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn what_one_is_notified_of() {
    let gateway = Harness::start().await;
    let wanted = NotificationPreferences { assigned: true, mentioned: true, ..NotificationPreferences::default() };
    gateway.fake.on("ProjectService/GetNotificationPreferences", move |_: GetNotificationPreferencesRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(GetNotificationPreferencesResponse { preferences: Some(wanted) })
    });
    gateway.fake.on(
        "ProjectService/UpdateNotificationPreferences",
        move |_: UpdateNotificationPreferencesRequest, _| {
            Ok(UpdateNotificationPreferencesResponse { preferences: Some(wanted) })
        },
    );
    let shown = json!({
        "assigned": true, "mentioned": true, "commented": false, "added": false, "role_changed": false,
    });
    assert_eq!(gateway.get(PREFERENCES).await.json(), shown);
    let answer = gateway.patch(PREFERENCES, r#"{"commented": false, "added": true}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, shown));
    let asked: UpdateNotificationPreferencesRequest =
        gateway.fake.asked("ProjectService/UpdateNotificationPreferences");
    let expected = UpdateNotificationPreferencesRequest {
        commented: Some(false),
        added: Some(true),
        ..UpdateNotificationPreferencesRequest::default()
    };
    assert_eq!(asked, expected);
    let wrong = gateway.patch(PREFERENCES, r#"{"commented": "no", "added": null}"#).await;
    let wrong = wrong.problem(422, "validation_failed");
    assert_eq!(wrong, [blame("commented", "invalid_type"), blame("added", "invalid_type")]);
    let unknown = gateway.patch(PREFERENCES, r#"{"everything": false}"#).await;
    assert_eq!(unknown.problem(400, "invalid_request"), [blame("everything", "unknown")]);
}

#[tokio::test]
async fn a_task_is_watched_and_not_any_more() {
    let gateway = Harness::start().await;
    let named = |org: &str, task_id: &str| (org.to_owned(), task_id.to_owned()) == ("acme".into(), "web-1".into());
    gateway.fake.on("ProjectService/WatchTask", move |request: WatchTaskRequest, call| {
        assert!(named(&request.org, &request.task_id) && call.user == Some(ANN));
        Ok(WatchTaskResponse {})
    });
    gateway.fake.on("ProjectService/UnwatchTask", move |request: UnwatchTaskRequest, call| {
        assert!(named(&request.org, &request.task_id) && call.user == Some(ANN));
        Ok(UnwatchTaskResponse {})
    });
    gateway.fake.on("ProjectService/GetWatch", move |request: GetWatchRequest, call| {
        assert_eq!(call.user, Some(ANN));
        if !named(&request.org, &request.task_id) {
            return Err(Problem::not_found("task").into());
        }
        Ok(GetWatchResponse { watching: true })
    });
    for method in [Method::PUT, Method::DELETE] {
        let answer = gateway.send(ask(method.clone(), WATCH).signed_in_as(ANN).without_body()).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{method}");
    }
    assert_eq!(gateway.get(WATCH).await.json(), json!({"watching": true}));
    gateway.get(&WATCH.replace("web-1", "web-9")).await.problem(404, "not_found");
    gateway.post(WATCH, "{}").await.problem(405, "method_not_allowed");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let as_eve = ask(method, WATCH).signed_in_as(EVE).without_body();
        gateway.send(as_eve).await.problem(404, "not_found");
    }
    assert_eq!(gateway.fake.calls("ProjectService/WatchTask").len(), 1);
    assert_eq!(gateway.fake.calls("ProjectService/UnwatchTask").len(), 1);
}

#[tokio::test]
async fn signed_out_and_with_what_is_not_known_nothing_is_asked() {
    let gateway = Harness::start().await;
    for (method, path) in [
        (Method::GET, NOTIFICATIONS.to_owned()),
        (Method::POST, format!("{NOTIFICATIONS}/mine/read")),
        (Method::POST, format!("{NOTIFICATIONS}/read-all")),
        (Method::GET, PREFERENCES.to_owned()),
        (Method::PATCH, PREFERENCES.to_owned()),
        (Method::GET, WATCH.to_owned()),
        (Method::PUT, WATCH.to_owned()),
        (Method::DELETE, WATCH.to_owned()),
    ] {
        let answer = gateway.send(ask(method, &path).without_body()).await;
        answer.problem(401, "unauthenticated");
    }
    for bad in ["unread=1", "unread=", "unread=true&unread=true", "limit=0", "kind=added"] {
        gateway.get(&format!("{NOTIFICATIONS}?{bad}")).await.problem(400, "invalid_request");
    }
    gateway.get(&format!("{WATCH}?x=1")).await.problem(400, "invalid_request");
    assert!(gateway.fake.calls("ProjectService/ListNotifications").is_empty());
    // What a service says of the cursor is told by its name.
    gateway.fake.on("ProjectService/ListNotifications", |_: ListNotificationsRequest, _| {
        let problem = Problem::new(Code::InvalidRequest, "The query is not right.");
        Err::<ListNotificationsResponse, _>(problem.with_field("cursor", "invalid", "is not one").into())
    });
    let answer = gateway.get(&format!("{NOTIFICATIONS}?cursor=x")).await;
    assert_eq!(answer.problem(400, "invalid_request"), [blame("cursor", "invalid")]);
}

/// What is documented is what is answered.
#[test]
fn the_document_tells_of_them() {
    let document: Value = serde_json::from_str(trellis_gateway::docs::text()).unwrap();
    let answers = |path: &str, method: &str, status: &str| document["paths"][path][method]["responses"][status].clone();
    let watch = "/api/v1/organizations/{org}/tasks/{task_id}/watch";
    assert!(answers(NOTIFICATIONS, "get", "200")["headers"]["Trellis-Cursor"].is_object());
    assert!(answers(watch, "put", "204")["headers"].is_null() && answers(watch, "get", "200").is_object());
    assert!(document["paths"][watch]["put"]["parameters"].as_array().unwrap().len() == 2);
    assert_eq!(document["paths"][watch]["put"]["tags"], json!(["notifications"]));
}
