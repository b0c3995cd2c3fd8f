//! One's own notifications, what one is notified of, and what one watches.

use prost_types::Timestamp;
use serde_json::{Value, json};
use trellis_gateway::cursor::Cursor;
use trellis_proto::{
    event::v1::Position,
    identity::v1::{GetMeRequest, GetMeResponse, User},
    org::v1::{
        ListMembersRequest, ListMembersResponse, ListOrganizationsRequest, ListOrganizationsResponse, Member,
        Organization, Role,
    },
    project::v1::{
        GetNotificationPreferencesRequest, GetNotificationPreferencesResponse, ListNotificationsRequest,
        ListNotificationsResponse, Notification, NotificationKind, NotificationPreferences, Page,
        ReadAllNotificationsRequest, ReadAllNotificationsResponse, ReadNotificationRequest, ReadNotificationResponse,
        UnwatchTaskRequest, UnwatchTaskResponse, UpdateNotificationPreferencesRequest,
        UpdateNotificationPreferencesResponse, WatchTaskRequest, WatchTaskResponse,
        notification::{Organization as Of, Task},
    },
};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::{
    gateway::ANN,
    world::{OUTCOME, World, ann, signed_out},
};

const FIELDS: &str =
    "id kind actor { name } organization { id slug name } task { id taskId title } commentId excerpt role
    createdAt readAt";

fn position() -> Position {
    Position { epoch: Uuid::from_u128(1).to_string(), scope: ANN.to_string(), seq: 7 }
}

fn cursor() -> String {
    Cursor::try_from(&position()).unwrap().to_string()
}

fn notification(id: &str, org: &str) -> Notification {
    Notification {
        id: id.into(),
        kind: NotificationKind::RoleChanged.into(),
        actor_id: ANN.to_string(),
        organization: Some(Of { id: org.into(), slug: "old".into(), name: "Old".into() }),
        task: Some(Task { id: "t".into(), task_id: "WEB-1".into(), title: "Draw".into() }),
        role: "ADMIN".into(),
        created_at: Some(Timestamp { seconds: 1_769_851_800, nanos: 0 }),
        ..Notification::default()
    }
}

fn shown(id: &str) -> Value {
    json!({
        "id": id, "kind": "ROLE_CHANGED", "actor": {"name": "Ann"},
        "organization": {"id": "mine", "slug": "new", "name": "New"},
        "task": {"id": "t", "taskId": "WEB-1", "title": "Draw"}, "commentId": null, "excerpt": null, "role": "ADMIN",
        "createdAt": "2026-01-31T09:30:00.000Z", "readAt": null,
    })
}

/// Ann is a member of `mine` alone.
async fn world() -> World {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("IdentityService/GetMe", |_: GetMeRequest, _| {
        let user = User { id: ANN.to_string(), created_at: Some(Timestamp::default()), ..User::default() };
        Ok(GetMeResponse { user: Some(user) })
    });
    fake.on("OrgService/ListOrganizations", |request: ListOrganizationsRequest, call| {
        assert!(request.mine && call.user == Some(ANN));
        let mine =
            Organization { id: "mine".into(), slug: "new".into(), name: "New".into(), ..Organization::default() };
        Ok(ListOrganizationsResponse { organizations: vec![mine], ..ListOrganizationsResponse::default() })
    });
    fake.on("ProjectService/ListNotifications", |request: ListNotificationsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        if request.page.is_some_and(|page| page.cursor == "bad") {
            let problem = Problem::new(Code::InvalidRequest, "The query is not right.");
            return Err(problem.with_field("cursor", "invalid", "is not one of this list").into());
        }
        Ok(ListNotificationsResponse {
            notifications: vec![notification("n3", "mine"), notification("n2", "gone"), notification("n1", "mine")],
            next_cursor: "one".into(),
            cursors: ["three", "two", "one"].map(str::to_owned).into(),
            unread_count: 5,
            position: Some(position()),
        })
    });
    world
}

#[tokio::test]
async fn a_page_of_them() {
    let world = world().await;
    let query = format!(
        r#"{{ me {{ notifications(first: 3, after: "zero", unread: true) {{
            nodes {{ {FIELDS} }} edges {{ cursor node {{ id }} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} unreadCount liveCursor }} }} }}"#
    );
    let me = world.payload(ann(), &query, json!({})).await;
    assert_eq!(
        me["notifications"],
        json!({
            "nodes": [shown("n3"), shown("n1")],
            "edges": [{"cursor": "three", "node": {"id": "n3"}}, {"cursor": "one", "node": {"id": "n1"}}],
            "pageInfo": {"hasNextPage": true, "hasPreviousPage": true, "startCursor": "three", "endCursor": "one"},
            // Without the one that is left out.
            "unreadCount": 4, "liveCursor": cursor(),
        })
    );
    let asked: ListNotificationsRequest = world.harness.fake.asked("ProjectService/ListNotifications");
    let page = Page { limit: 3, cursor: "zero".into(), backward: false, with_cursors: true, all: false };
    assert_eq!(asked, ListNotificationsRequest { unread: true, page: Some(page) });
    let query = r#"{ me { notifications(last: 1, before: "bad") { unreadCount } } }"#;
    let refused = world.respond(ann(), query, json!({})).await;
    assert_eq!(refused["errors"][0]["message"], "before is not one of this list", "{refused}");
    assert!(!world.harness.fake.asked::<ListNotificationsRequest>("ProjectService/ListNotifications").unread);
}

#[tokio::test]
async fn of_people_in_lists_nobody_is_asked() {
    let world = world().await;
    world.harness.fake.on("OrgService/ListMembers", |_: ListMembersRequest, _| {
        let member = || Member { user_id: ANN.to_string(), role: Role::Member.into(), ..Member::default() };
        Ok(ListMembersResponse { members: vec![member(), member()], ..ListMembersResponse::default() })
    });
    let query = r#"{ organizationMembers(orgSlug: "acme") {
        user { notifications { unreadCount } notificationPreferences { added } } } }"#;
    let none = json!({"user": {"notifications": null, "notificationPreferences": null}});
    assert_eq!(world.payload(ann(), query, json!({})).await, json!([none, none]));
    assert!(world.harness.fake.calls("ProjectService/ListNotifications").is_empty());
    assert!(world.harness.fake.calls("ProjectService/GetNotificationPreferences").is_empty());
}

#[tokio::test]
async fn one_is_read_or_all_of_them() {
    let world = world().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/ReadNotification", |request: ReadNotificationRequest, call| {
        assert_eq!(call.user, Some(ANN));
        let notification = match &*request.id {
            "mine" => Some(notification("mine", "mine")),
            // Of an organization that is about to be forgotten.
            "left" => Some(notification("left", "gone")),
            // Read under a key, and forgotten since.
            "forgotten" => None,
            _ => return Err(Problem::not_found("notification").into()),
        };
        Ok(ReadNotificationResponse { notification, position: Some(position()) })
    });
    fake.on("ProjectService/ReadAllNotifications", |_: ReadAllNotificationsRequest, call| {
        assert_eq!(call.user, Some(ANN));
        Ok(ReadAllNotificationsResponse { count: 3, position: Some(position()) })
    });
    let read = format!(
        "mutation($id: ID!) {{ readNotification(id: $id) {{ {OUTCOME} notification {{ {FIELDS} }} liveCursor }} }}"
    );
    let done = json!({
        "success": true, "errors": [], "userErrors": [], "notification": shown("mine"), "liveCursor": cursor(),
    });
    assert_eq!(world.payload(ann(), &read, json!({"id": "mine"})).await, done);
    // Read, and not shown.
    for id in ["left", "forgotten"] {
        let hidden =
            json!({"success": true, "errors": [], "userErrors": [], "notification": null, "liveCursor": cursor()});
        assert_eq!(world.payload(ann(), &read, json!({"id": id})).await, hidden, "{id}");
    }
    let missing = json!({"field": null, "code": "not_found", "message": "Notification not found"});
    let refused = json!({
        "success": false, "errors": ["Notification not found"], "userErrors": [missing], "notification": null,
        "liveCursor": null,
    });
    assert_eq!(world.payload(ann(), &read, json!({"id": "another"})).await, refused);
    let all = format!("mutation {{ readAllNotifications {{ {OUTCOME} count liveCursor }} }}");
    let done = json!({"success": true, "errors": [], "userErrors": [], "count": 3, "liveCursor": cursor()});
    assert_eq!(world.payload(ann(), &all, json!({})).await, done);

    // Once under a key.
    world.payload(ann().once("key-1"), &read, json!({"id": "mine"})).await;
    world.payload(ann().once("key-1"), &all, json!({})).await;
    let sent = [("ReadNotification", "readNotification"), ("ReadAllNotifications", "readAllNotifications")];
    for (method, field) in sent {
        let calls = fake.calls(&format!("ProjectService/{method}"));
        assert_eq!(calls[0].idempotency, None);
        let key = calls.last().and_then(|call| call.idempotency.clone()).unwrap();
        assert_eq!((key.key.as_str(), key.operation), ("key-1", format!("GRAPHQL {field}")));
    }
}

#[tokio::test]
async fn what_one_is_notified_of() {
    let world = world().await;
    let wanted = NotificationPreferences { assigned: true, role_changed: true, ..NotificationPreferences::default() };
    world.harness.fake.on(
        "ProjectService/GetNotificationPreferences",
        move |_: GetNotificationPreferencesRequest, _| {
            Ok(GetNotificationPreferencesResponse { preferences: Some(wanted) })
        },
    );
    world.harness.fake.on(
        "ProjectService/UpdateNotificationPreferences",
        move |_: UpdateNotificationPreferencesRequest, _| {
            Ok(UpdateNotificationPreferencesResponse { preferences: Some(wanted) })
        },
    );
    let fields = "assigned mentioned commented added roleChanged";
    let shown = json!({"assigned": true, "mentioned": false, "commented": false, "added": false, "roleChanged": true});
    let me = world.payload(ann(), &format!("{{ me {{ notificationPreferences {{ {fields} }} }} }}"), json!({})).await;
    assert_eq!(me["notificationPreferences"], shown);
    let update = format!(
        "mutation {{ updateNotificationPreferences(input: {{ mentioned: false, roleChanged: true, added: null }}) {{
            {OUTCOME} preferences {{ {fields} }} }} }}"
    );
    let done = json!({"success": true, "errors": [], "userErrors": [], "preferences": shown});
    assert_eq!(world.payload(ann(), &update, json!({})).await, done);
    let asked: UpdateNotificationPreferencesRequest =
        world.harness.fake.asked("ProjectService/UpdateNotificationPreferences");
    let expected = UpdateNotificationPreferencesRequest {
        mentioned: Some(false),
        role_changed: Some(true),
        ..UpdateNotificationPreferencesRequest::default()
    };
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_task_is_watched_and_not_any_more() {
    let world = world().await;
    world.harness.fake.on("ProjectService/WatchTask", |request: WatchTaskRequest, call| {
        assert_eq!(call.user, Some(ANN));
        match (&*request.org, &*request.task_id) {
            ("acme", "WEB-1") => Ok(WatchTaskResponse {}),
            ("acme", _) => Err(Problem::not_found("task").into()),
            _ => Err(Problem::not_found("organization").into()),
        }
    });
    world.harness.fake.on("ProjectService/UnwatchTask", |request: UnwatchTaskRequest, _| {
        assert_eq!((&*request.org, &*request.task_id), ("acme", "WEB-1"));
        Ok(UnwatchTaskResponse {})
    });
    let mutation = |field: &str, org: &str, task: &str| {
        format!(r#"mutation {{ {field}(orgSlug: "{org}", taskId: "{task}") {{ {OUTCOME} }} }}"#)
    };
    let done = json!({"success": true, "errors": [], "userErrors": []});
    for field in ["watchTask", "unwatchTask"] {
        assert_eq!(world.payload(ann(), &mutation(field, "acme", "WEB-1"), json!({})).await, done, "{field}");
    }
    for (org, task, why) in
        [("acme", "WEB-9", "Task not found"), ("nobody", "WEB-1", "You don't have access to this organization")]
    {
        let refused = world.payload(ann(), &mutation("watchTask", org, task), json!({})).await;
        assert_eq!((&refused["success"], &refused["errors"]), (&json!(false), &json!([why])));
    }
}

#[tokio::test]
async fn signed_out_there_are_none() {
    let world = World::start().await;
    for mutation in [
        r#"readNotification(id: "mine")"#,
        "readAllNotifications",
        "updateNotificationPreferences(input: {})",
        r#"watchTask(orgSlug: "acme", taskId: "WEB-1")"#,
        r#"unwatchTask(orgSlug: "acme", taskId: "WEB-1")"#,
    ] {
        let query = format!("mutation {{ {mutation} {{ {OUTCOME} }} }}");
        let refused = world.payload(signed_out(), &query, json!({})).await;
        assert_eq!(refused["userErrors"][0]["code"], "unauthenticated", "{mutation}");
    }
}
