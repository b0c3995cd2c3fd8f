//! The list: newest first, in pages, filtered; and its position.

use serde_json::{Value, json};

use super::{Device, page, post, told, until_told, world};

#[tokio::test]
async fn pages_stay_right_while_more_comes() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ada).await;
    let mut made = Vec::new();
    for n in 0..7 {
        w.comment(&w.ben, "WEB-1", &format!("{n}")).await;
        made.push(device.told("commented").await);
    }
    made.reverse();
    let (mut read, mut path) = (Vec::new(), "/me/notifications?limit=2".to_owned());
    loop {
        let list = w.ada.get(&path).await.expect(200);
        assert!(list["items"].as_array().unwrap().len() <= 2, "{list}");
        read.extend(list["items"].as_array().unwrap().iter().cloned());
        let Some(next) = list["next_cursor"].as_str() else { break };
        path = format!("/me/notifications?limit=2&cursor={next}");
        // Newer ones stand before what was read.
        w.comment(&w.ben, "WEB-1", "one more").await;
        device.told("commented").await;
    }
    assert_eq!(read, made);

    // Unread ones alone.
    for item in made.iter().step_by(2) {
        post(&w.ada, &format!("/me/notifications/{}/read", item["id"].as_str().unwrap())).await.expect(204);
    }
    let all = page(&w.ada).await;
    let unread: Vec<_> = all["items"].as_array().unwrap().iter().filter(|item| item["read_at"].is_null()).collect();
    let (mut read, mut path) = (Vec::new(), "/me/notifications?unread=true&limit=2".to_owned());
    loop {
        let list = w.ada.get(&path).await.expect(200);
        assert_eq!(list["unread_count"], unread.len(), "of all of them, not of this page");
        read.extend(list["items"].as_array().unwrap().iter().cloned());
        let Some(next) = list["next_cursor"].as_str() else { break };
        path = format!("/me/notifications?unread=true&limit=2&cursor={next}");
    }
    assert_eq!(read.iter().collect::<Vec<_>>(), unread);
    assert_eq!(w.ada.get("/me/notifications?unread=false&limit=100").await.expect(200), all);
}

#[tokio::test]
async fn the_list_and_the_stream_from_its_position_join_without_a_gap() {
    let w = world().await;
    w.comment(&w.ben, "WEB-1", "in the list").await;
    until_told(&w.ada, 1).await;
    let list = w.ada.get("/me/notifications").await;
    let cursor = list.cursor();
    let first = list.expect(200)["items"][0].clone();
    w.comment(&w.ben, "WEB-1", "after the list").await;
    until_told(&w.ada, 2).await;
    let id = first["id"].as_str().unwrap();
    post(&w.ada, &format!("/me/notifications/{id}/read")).await.expect(204);

    let mut device = Device::after(&w.api.base, &w.ada, Some(&cursor)).await;
    assert_eq!(device.told("commented").await["excerpt"], "after the list");
    let read = device.event("notification.read").await;
    assert_eq!(read["event"]["data"]["id"], id);
    assert_eq!(w.ada.get("/me/notifications").await.cursor(), read["cursor"].as_str().unwrap());
    device.is_quiet().await;

    // Who has none has a list, too, and a position to follow from.
    let new = w.api.register("New").await;
    let empty = new.get("/me/notifications").await;
    let cursor = empty.cursor();
    assert_eq!(empty.expect(200), json!({"items": [], "next_cursor": null, "unread_count": 0}));
    let mut socket = trellis_tests::Socket::open(&w.api.base, &new.token).await;
    let after = Some(cursor.as_str()).filter(|cursor| !cursor.is_empty());
    socket.subscribe("notifications", after).await;
    let invitation = w.ada.post(&w.at("/invitations"), json!({"email": new.email()})).await.expect(201);
    new.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
    assert_eq!(socket.event("notification.created").await["event"]["data"]["kind"], "added");
}

#[tokio::test]
async fn what_the_list_does_not_know_is_refused() {
    let w = world().await;
    for query in [
        "unread=maybe",
        "unread=",
        "unread=1",
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "kind=assigned",
        "unread=true&unread=false",
    ] {
        w.ada.get(&format!("/me/notifications?{query}")).await.problem(400, "invalid_request");
    }
    // Another's place in his list is no place in mine.
    for n in 0..2 {
        w.comment(&w.ben, "WEB-1", &format!("{n}")).await;
    }
    until_told(&w.ada, 2).await;
    let theirs = w.ada.get("/me/notifications?limit=1").await.expect(200);
    let cursor = theirs["next_cursor"].as_str().unwrap();
    let answer = w.cid.get(&format!("/me/notifications?limit=1&cursor={cursor}")).await;
    assert!([200, 400].contains(&answer.status.as_u16()), "{}", answer.text);
    assert!(!answer.text.contains("commented"), "{}", answer.text);
    assert_eq!(told(&w.cid).await, Vec::<Value>::new());
}

#[tokio::test]
async fn topics_are_ones_own() {
    let w = world().await;
    let mut adas = Device::open(&w.api.base, &w.ada).await;
    let before = w.ada.get("/me/notifications").await.cursor();
    w.comment(&w.ben, "WEB-1", "for Ada").await;
    adas.told("commented").await;
    // A position of Ada's is none of Ben's, who hears nothing of what she was told.
    let mut socket = trellis_tests::Socket::open(&w.api.base, &w.ben.token).await;
    let subscribed = socket.subscribe("notifications", Some(&before)).await;
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    socket.expect_nothing_pending().await;
    // Nor is a place in the order of a project one.
    let project = w.ben.get(&w.at("/projects/WEB")).await.cursor();
    let subscribed = socket.subscribe("notifications", Some(&project)).await;
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    let subscribed = socket.subscribe(&format!("project:{}/WEB", w.org), Some(&before)).await;
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    socket.expect_nothing_pending().await;
    // It ends as it began.
    socket.send(json!({"type": "unsubscribe", "id": 5, "topic": "notifications"})).await;
    assert_eq!(socket.next().await, json!({"type": "unsubscribed", "id": 5, "topic": "notifications"}));
    w.comment(&w.ada, "WEB-1", "@Ben").await;
    until_told(&w.ben, 1).await;
    assert_eq!(socket.next().await["event"]["kind"], "comment.created");
    socket.expect_nothing_pending().await;
}
