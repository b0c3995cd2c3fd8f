//! The same by GraphQL.

use serde_json::{Value, json};
use trellis_tests::{GraphSocket, Session};

use super::{Device, page, told, until_told, world};

const LIST: &str = "query($first: Int, $after: String, $last: Int, $before: String, $unread: Boolean) {
  me { notifications(first: $first, after: $after, last: $last, before: $before, unread: $unread) {
    unreadCount liveCursor pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } }
    nodes { id kind actor { id name email } organization { id slug name } task { id taskId title } commentId excerpt role
      createdAt readAt } } } }";
const PREFERENCES: &str = "{ me { notificationPreferences { assigned mentioned commented added roleChanged } } }";
const EVENTS: &str = "subscription($after: String) { notifications(after: $after) {
  cursor kind recovered actor { name } notification { id kind excerpt readAt } readAt organizationId } }";
const READ: &str = "mutation($id: ID!) { readNotification(id: $id) {
  success errors userErrors { code } liveCursor notification { id readAt } } }";
const WATCH: &str = "mutation($org: String!, $task: String!) { watchTask(orgSlug: $org, taskId: $task) {
  success errors userErrors { code } } }";
const WATCHING: &str = "query($org: String!) { one: task(orgSlug: $org, taskId: \"WEB-1\") { watching }
  two: task(orgSlug: $org, taskId: \"WEB-2\") { watching } }";
const UNWATCH: &str = "mutation($org: String!, $task: String!) { unwatchTask(orgSlug: $org, taskId: $task) {
  success errors userErrors { code } } }";

#[tokio::test]
async fn the_connection_shows_what_rest_shows() {
    let w = world().await;
    let graph = w.ada.graph();
    for n in 0..5 {
        w.comment(&w.ben, "WEB-1", &format!("{n}")).await;
    }
    until_told(&w.ada, 5).await;
    let rest = page(&w.ada).await;
    let list = graph.data(LIST, json!({})).await["me"]["notifications"].clone();
    assert_eq!(list["unreadCount"], 5);
    assert_eq!(list["liveCursor"], w.ada.get("/me/notifications").await.cursor());
    for (shown, item) in list["nodes"].as_array().unwrap().iter().zip(rest["items"].as_array().unwrap()) {
        let wanted = json!({"id": item["id"], "kind": "COMMENTED", "actor": item["actor"], "organization": item["organization"],
            "task": {"id": item["task"]["id"], "taskId": "WEB-1", "title": "One"}, "commentId": item["comment_id"],
            "excerpt": item["excerpt"], "role": null, "createdAt": shown["createdAt"], "readAt": null});
        assert_eq!(*shown, wanted);
    }
    let ids: Vec<_> = rest["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    let of = |list: &Value| list["nodes"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    assert_eq!(of(&list), ids);

    // Forward and backward.
    let (mut forward, mut variables) = (Vec::new(), json!({"first": 2}));
    loop {
        let list = graph.data(LIST, variables).await["me"]["notifications"].clone();
        forward.extend(of(&list));
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
        variables = json!({"first": 2, "after": list["pageInfo"]["endCursor"]});
    }
    assert_eq!(forward, ids);
    let (mut backward, mut variables) = (Vec::new(), json!({"last": 2}));
    loop {
        let list = graph.data(LIST, variables).await["me"]["notifications"].clone();
        backward = [of(&list), backward].concat();
        if list["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
        variables = json!({"last": 2, "before": list["pageInfo"]["startCursor"]});
    }
    assert_eq!(backward, ids);

    graph.done(READ, json!({"id": ids[1]})).await;
    let unread = graph.data(LIST, json!({"unread": true})).await["me"]["notifications"].clone();
    assert_eq!((of(&unread).len(), &unread["unreadCount"]), (4, &json!(4)));
    let (code, _) = w.api.graph().refused("{ me { notifications { unreadCount } } }", json!({})).await;
    assert_eq!(code, "unauthenticated");
    // Of oneself alone: another's are null, wherever his name stands.
    let members = "query($org: String!) { organizationMembers(orgSlug: $org) {
      user { id notifications { unreadCount } notificationPreferences { added } } } }";
    let answer = w.ben.graph().post(members, json!({"org": w.org})).await;
    for member in answer.body["data"]["organizationMembers"].as_array().unwrap() {
        let user = &member["user"];
        assert!(user["notifications"].is_null() && user["notificationPreferences"].is_null(), "{user}");
    }
}

#[tokio::test]
async fn what_happens_arrives_by_the_subscription_too() {
    let w = world().await;
    let mut rest = Device::open(&w.api.base, &w.ada).await;
    let mut socket = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (id, first) = socket.subscribe(EVENTS, json!({})).await;
    let start = first["cursor"].clone();
    w.comment(&w.ben, "WEB-1", "Hello").await;
    let data = rest.told("commented").await;
    let event = socket.event(&id, "notification.created").await;
    assert_eq!((&event["actor"]["name"], &event["recovered"]), (&json!("Ben"), &Value::Null));
    let wanted = json!({"id": data["id"], "kind": "COMMENTED", "excerpt": "Hello", "readAt": null});
    assert_eq!(event["notification"], wanted);

    let done = w.ada.graph().done(READ, json!({"id": data["id"]})).await;
    assert_eq!(done["notification"]["id"], data["id"]);
    let event = socket.event(&id, "notification.read").await;
    assert_eq!(
        (&event["cursor"], &event["notification"]["readAt"]),
        (&done["liveCursor"], &done["notification"]["readAt"])
    );
    assert_eq!(rest.event("notification.read").await["cursor"], done["liveCursor"]);

    w.comment(&w.ben, "WEB-1", "once more").await;
    socket.event(&id, "notification.created").await;
    let all = "mutation { readAllNotifications { success errors userErrors { code } count liveCursor } }";
    let done = w.ada.graph().done(all, json!({})).await;
    assert_eq!(done["count"], 1);
    let event = socket.event(&id, "notification.all_read").await;
    assert!(
        event["readAt"].is_string() && event["notification"].is_null() && event["cursor"] == done["liveCursor"],
        "{event}"
    );
    assert_eq!(w.ada.graph().done(all, json!({})).await["count"], 0);

    // From before, on another socket.
    let mut late = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (id, first) = late.subscribe(EVENTS, json!({"after": start})).await;
    assert_eq!(first["recovered"], true);
    for kind in ["created", "read", "created", "all_read"] {
        late.event(&id, &format!("notification.{kind}")).await;
    }
    late.expect_nothing_pending().await;
    socket.expect_nothing_pending().await;

    let mut bens = GraphSocket::open(&w.api.base, &w.ben.token).await;
    let (id, _) = bens.subscribe(EVENTS, json!({})).await;
    w.comment(&w.ada, "WEB-1", "Here, @Ben").await;
    bens.event(&id, "notification.created").await;
    let organization = w.organization().await["id"].clone();
    w.remove(&w.ben).await;
    let event = bens.event(&id, "notification.forgotten").await;
    assert_eq!((&event["organizationId"], &event["notification"]), (&organization, &Value::Null));
    bens.expect_nothing_pending().await;
}

#[tokio::test]
async fn a_task_says_whether_one_watches_it() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let watching = async |person: &Session| person.graph().data(WATCHING, json!({"org": w.org})).await;
    let shown = |one: bool, two: bool| json!({"one": {"watching": one}, "two": {"watching": two}});
    assert_eq!(watching(&w.ben).await, shown(false, false));
    let second = json!({"org": w.org, "task": "WEB-2"});
    w.ben.graph().done(WATCH, second.clone()).await;
    assert_eq!(watching(&w.ben).await, shown(false, true));
    assert_eq!(watching(&w.ada).await, shown(false, false), "each for himself");
    assert_eq!(w.ben.get(&w.at("/tasks/WEB-2/watch")).await.expect(200), json!({"watching": true}));
    w.ben.graph().done(UNWATCH, second).await;
    assert_eq!(watching(&w.ben).await, shown(false, false));
}

#[tokio::test]
async fn reading_and_watching_and_wanting_are_refused_as_everything_is() {
    let w = world().await;
    w.comment(&w.ben, "WEB-1", "for Ada").await;
    until_told(&w.ada, 1).await;
    let id = told(&w.ada).await[0]["id"].clone();
    for id in [id, json!(uuid::Uuid::now_v7()), json!("nonsense")] {
        assert_eq!(w.ben.graph().failed(READ, json!({"id": id})).await, ["Notification not found"]);
    }
    let eve = w.api.register("Eve").await;
    for document in [WATCH, UNWATCH] {
        let here = json!({"org": w.org, "task": "WEB-1"});
        let stranger = eve.graph().failed(document, here.clone()).await;
        assert_eq!(stranger, ["You don't have access to this organization"]);
        assert_eq!(w.ben.graph().failed(document, json!({"org": w.org, "task": "WEB-9"})).await, ["Task not found"]);
        let out = w.api.graph().failed(document, here.clone()).await;
        assert_eq!(out, ["You do not have permission to perform this action"]);
        w.ben.graph().done(document, here.clone()).await;
        w.ben.graph().done(document, here).await;
    }
    let all = json!({"assigned": true, "mentioned": true, "commented": true, "added": true, "roleChanged": true});
    let preferences =
        async || w.ben.graph().data(PREFERENCES, json!({})).await["me"]["notificationPreferences"].clone();
    assert_eq!(preferences().await, all);
    let update =
        "mutation($input: UpdateNotificationPreferencesInput!) { updateNotificationPreferences(input: $input) {
      success errors userErrors { code } preferences { assigned mentioned commented added roleChanged } } }";
    let mut wanted = all;
    for field in ["commented", "roleChanged"] {
        wanted[field] = json!(false);
        let done = w.ben.graph().done(update, json!({"input": {field: false}})).await;
        assert_eq!(done["preferences"], wanted);
    }
    assert_eq!(preferences().await, wanted);
    let rest = w.ben.get("/me/notification-preferences").await.expect(200);
    assert_eq!(
        (&rest["commented"], &rest["role_changed"], &rest["added"]),
        (&json!(false), &json!(false), &json!(true))
    );
}
