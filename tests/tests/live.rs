//! The full live protocol, as a client of the contract sees it.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use trellis_tests::{Api, Session, Socket};

/// An organization with project WEB and task WEB-1.
async fn world() -> (Session, String) {
    let ada = Api::shared().register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    (ada, org)
}

async fn comment(session: &Session, org: &str, content: &str) -> String {
    let answer = session.post(&format!("/organizations/{org}/tasks/WEB-1/comments"), json!({"content": content})).await;
    let cursor = answer.cursor();
    answer.expect(201);
    cursor
}

#[tokio::test]
async fn a_token_may_come_by_header_subprotocol_or_first_frame() {
    let (ada, _) = world().await;
    let base = &ada.api.base;
    Socket::open(base, &ada.token).await.expect_nothing_pending().await;
    Socket::open_with(base, None, &format!("trellis.v1, bearer.{}", ada.token)).await.expect_nothing_pending().await;
    let mut socket = Socket::open_with(base, None, "trellis.v1").await;
    socket.send(json!({"type": "auth", "id": 1, "token": ada.token})).await;
    assert_eq!(socket.next().await, json!({"type": "authenticated", "id": 1}));
    socket.expect_nothing_pending().await;
    // A fresh token of the same user goes; another user's ends the socket.
    socket.send(json!({"type": "auth", "id": 2, "token": ada.token})).await;
    assert_eq!(socket.next().await, json!({"type": "authenticated", "id": 2}));
    let eve = ada.api.register("Eve").await;
    socket.send(json!({"type": "auth", "id": 3, "token": eve.token})).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn sockets_without_protocol_or_token_are_closed_with_the_contracts_codes() {
    let (ada, _) = world().await;
    let base = &ada.api.base;
    assert_eq!(Socket::open_with(base, Some(&ada.token), "").await.close_code().await, 4400);
    assert_eq!(Socket::open_with(base, Some("nonsense"), "trellis.v1").await.close_code().await, 4401);
    assert_eq!(Socket::open_with(base, None, "trellis.v1, bearer.nonsense").await.close_code().await, 4401);
    // No token within the time that is given for it.
    assert_eq!(Socket::open_with(base, None, "trellis.v1").await.close_code().await, 4401);
    let mut socket = Socket::open(base, &ada.token).await;
    socket.send_raw(Message::text("not JSON")).await;
    assert_eq!(socket.close_code().await, 4400);
    let mut socket = Socket::open(base, &ada.token).await;
    socket.send(json!({"type": "ping", "padding": "x".repeat(300 * 1024)})).await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn bad_frames_are_answered_and_the_socket_stays() {
    let (ada, org) = world().await;
    let mut socket = Socket::open(&ada.api.base, &ada.token).await;
    for frame in [
        json!({"type": "dance"}),
        json!({"type": "subscribe", "id": 1}),
        json!({"type": "subscribe", "id": 1, "topic": "weather:today"}),
        json!({"type": "subscribe", "id": 1, "topic": format!("task:{org}/WEB-1"), "after": "not-a-cursor"}),
        json!({"type": "subscribe", "id": 1, "topic": 7}),
    ] {
        socket.send(frame.clone()).await;
        let answer = socket.next().await;
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!("invalid_request")),
            "{frame}: {answer}"
        );
        assert!(answer["message"].is_string());
    }
    socket.send(json!({"type": "subscribe", "id": 1, "topic": format!("task:{org}/WEB-9")})).await;
    assert_eq!(socket.next().await["code"], "not_found");
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn a_snapshot_and_the_stream_from_its_position_join_without_a_gap() {
    let (ada, org) = world().await;
    comment(&ada, &org, "in the snapshot").await;
    let list = ada.get(&format!("/organizations/{org}/tasks/WEB-1/comments")).await;
    let cursor = list.cursor();
    comment(&ada, &org, "after the snapshot").await;

    let mut socket = Socket::open(&ada.api.base, &ada.token).await;
    let subscribed = socket.subscribe(&format!("task:{org}/WEB-1"), Some(&cursor)).await;
    assert_eq!((&subscribed["recovered"], &subscribed["cursor"]), (&json!(true), &json!(cursor)));
    assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], "after the snapshot");
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn every_read_and_write_of_a_project_says_its_position() {
    let (ada, org) = world().await;
    let at = format!("/organizations/{org}");
    let written = comment(&ada, &org, "x").await;
    for path in
        ["/projects/WEB", "/projects/WEB/tasks", "/tasks/WEB-1", "/tasks/WEB-1/comments", "/tasks/WEB-1/activity"]
    {
        assert_eq!(ada.get(&format!("{at}{path}")).await.cursor(), written, "{path}");
    }
    // A change that changes nothing leaves the position where it is.
    assert_eq!(ada.patch(&format!("{at}/tasks/WEB-1"), json!({"status": "TODO"})).await.cursor(), written);
    assert_ne!(ada.patch(&format!("{at}/tasks/WEB-1"), json!({"status": "DONE"})).await.cursor(), written);
}

#[tokio::test]
async fn topics_of_a_task_and_of_its_project_carry_what_belongs_to_them() {
    let (ada, org) = world().await;
    ada.task(&org, "WEB", "Two").await;
    let mut socket = Socket::open(&ada.api.base, &ada.token).await;
    let (task, project) = (format!("task:{org}/web-2"), format!("project:{org}/WEB"));
    socket.subscribe(&task, None).await;
    let mut whole = Socket::open(&ada.api.base, &ada.token).await;
    whole.subscribe(&project, None).await;

    comment(&ada, &org, "on WEB-1").await;
    ada.patch(&format!("/organizations/{org}/tasks/WEB-2"), json!({"title": "2"})).await.expect(200);
    ada.task(&org, "WEB", "Three").await;
    ada.patch(&format!("/organizations/{org}/projects/WEB"), json!({"status": "ON_HOLD"})).await.expect(200);
    for kind in ["comment.created", "task.updated", "task.created", "project.updated"] {
        assert_eq!(whole.event(kind).await["topic"], project);
    }
    let frame = socket.event("task.updated").await;
    assert_eq!(
        (&frame["topic"], &frame["event"]["changes"]["title"]),
        (&json!(task), &json!({"from": "Two", "to": "2"}))
    );
    socket.expect_nothing_pending().await;

    socket.send(json!({"type": "unsubscribe", "id": 9, "topic": task})).await;
    assert_eq!(socket.next().await, json!({"type": "unsubscribed", "id": 9, "topic": task}));
    ada.delete(&format!("/organizations/{org}/tasks/WEB-2")).await.expect(204);
    whole.event("task.deleted").await;
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn subscribing_again_replaces_and_each_event_comes_once() {
    let (ada, org) = world().await;
    let topic = format!("task:{org}/WEB-1");
    let mut socket = Socket::open(&ada.api.base, &ada.token).await;
    let start = socket.subscribe(&topic, None).await["cursor"].as_str().unwrap().to_owned();
    comment(&ada, &org, "one").await;
    socket.event("comment.created").await;
    // From the start again: what was seen comes once more, and nothing twice.
    socket.subscribe(&topic, Some(&start)).await;
    socket.event("comment.created").await;
    comment(&ada, &org, "two").await;
    assert_eq!(socket.event("comment.created").await["event"]["data"]["content"], "two");
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn a_cursor_of_another_scope_is_not_recovered_and_deleted_things_can_be_replayed() {
    let (ada, org) = world().await;
    ada.project(&org, json!({"name": "Other", "key": "OTH"})).await;
    let other = ada.get(&format!("/organizations/{org}/projects/OTH")).await.cursor();
    let before = ada.get(&format!("/organizations/{org}/projects/WEB")).await.cursor();
    let mut socket = Socket::open(&ada.api.base, &ada.token).await;
    let answer = socket.subscribe(&format!("task:{org}/WEB-1"), Some(&other)).await;
    assert_eq!((&answer["recovered"], &answer["cursor"]), (&json!(false), &json!(before)));

    ada.delete(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(204);
    ada.delete(&format!("/organizations/{org}/projects/WEB")).await.expect(204);
    let mut late = Socket::open(&ada.api.base, &ada.token).await;
    late.subscribe(&format!("task:{org}/WEB-1"), Some(&before)).await;
    assert_eq!(late.event("task.deleted").await["event"]["data"]["task_id"], "WEB-1");
    // The end of the project is the end of its tasks, for whoever watches one.
    assert_eq!(late.event("project.deleted").await["topic"], format!("task:{org}/WEB-1"));
    late.subscribe(&format!("project:{org}/website"), Some(&before)).await;
    late.event("task.deleted").await;
    assert_eq!(late.event("project.deleted").await["event"]["data"]["slug"], "website");
    // Nothing is to come of either.
    for topic in ["task:{org}/WEB-1", "project:{org}/website", "project:{org}/WEB"] {
        late.send(json!({"type": "subscribe", "id": 9, "topic": topic.replace("{org}", &org)})).await;
        let answer = late.next().await;
        assert_eq!(
            (&answer["type"], &answer["id"], &answer["code"]),
            (&json!("error"), &json!(9), &json!("not_found"))
        );
    }
}

#[tokio::test]
async fn twenty_writers_and_ten_readers_agree_on_one_order() {
    let (ada, org) = world().await;
    let topic = format!("project:{org}/WEB");
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let mut socket = Socket::open(&ada.api.base, &ada.token).await;
        socket.subscribe(&topic, None).await;
        sockets.push(socket);
    }
    let writes = (0..20).map(|writer| {
        let (ada, org) = (ada.clone(), org.clone());
        async move {
            for n in 0..10 {
                comment(&ada, &org, &format!("{writer}-{n}")).await;
            }
        }
    });
    let reads = sockets.iter_mut().map(|socket| async move {
        let mut seen = Vec::new();
        while seen.len() < 200 {
            let frame = socket.event("comment.created").await;
            seen.push((frame["cursor"].clone(), frame["event"]["data"]["content"].clone()));
        }
        socket.expect_nothing_pending().await;
        seen
    });
    let (_, orders) = tokio::join!(futures_util::future::join_all(writes), futures_util::future::join_all(reads));
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "two sockets saw different orders");
}
