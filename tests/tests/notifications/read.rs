//! Read and unread: on every device at once, counted exactly.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::Gateway;

use super::{Device, page, post, unread, until_told, world};

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let w = world().await;
    let second = Gateway::start(&[]).await.unwrap();
    let mut here = Device::open(&w.api.base, &w.ada).await;
    let mut there = Device::open(&second.base, &w.ada).await;
    let mut made = Vec::new();
    for n in 0..3 {
        w.comment(&w.ben, "WEB-1", &format!("{n}")).await;
        made.push(here.told("commented").await);
        there.told("commented").await;
    }
    assert_eq!(unread(&w.ada).await, 3);

    // One of them.
    let path = format!("/me/notifications/{}/read", made[1]["id"].as_str().unwrap());
    let answer = post(&w.ada, &path).await;
    let (cursor, status) = (answer.cursor(), answer.status);
    assert_eq!((status.as_u16(), answer.text.as_str()), (204, ""));
    let read_at = {
        let frame = here.event("notification.read").await;
        assert_eq!(frame["cursor"], cursor, "the write says where it stands in the order");
        assert_eq!(there.event("notification.read").await["event"], frame["event"]);
        let data = frame["event"]["data"].clone();
        assert!(data["read_at"].is_string(), "{data}");
        let mut wanted = made[1].clone();
        wanted["read_at"] = data["read_at"].clone();
        assert_eq!(data, wanted, "the notification, read");
        data["read_at"].clone()
    };
    let list = page(&w.ada).await;
    assert_eq!((&list["unread_count"], &list["items"][1]["read_at"]), (&json!(2), &read_at));
    // Again, and nothing happens; in the words of a repeated request, too.
    let key = [("idempotency-key", "once")];
    for headers in [&[][..], &key, &key] {
        let again = w.ada.send(Method::POST, &path, headers, None).await;
        assert_eq!((again.status.as_u16(), again.cursor()), (204, cursor.clone()), "{}", again.text);
    }
    here.is_quiet().await;
    assert_eq!(page(&w.ada).await["items"][1]["read_at"], read_at, "it was read when it was read");

    // All of them, once.
    let answer = post(&w.ada, "/me/notifications/read-all").await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    for device in [&mut here, &mut there] {
        let frame = device.event("notification.all_read").await;
        assert_eq!((&frame["cursor"], frame["event"]["data"]["read_at"].is_string()), (&json!(answer.cursor()), true));
    }
    let list = page(&w.ada).await;
    assert_eq!(list["unread_count"], 0);
    assert!(list["items"].as_array().unwrap().iter().all(|item| item["read_at"].is_string()), "{list}");
    assert_eq!(list["items"][1]["read_at"], read_at);
    for headers in [&[][..], &key, &key] {
        let again = w.ada.send(Method::POST, "/me/notifications/read-all", headers, None).await;
        assert_eq!((again.status.as_u16(), again.cursor()), (204, answer.cursor()), "{}", again.text);
    }
    here.is_quiet().await;
    there.is_quiet().await;

    // What comes later is unread.
    w.comment(&w.ben, "WEB-1", "later").await;
    here.told("commented").await;
    assert_eq!(unread(&w.ada).await, 1);
}

#[tokio::test]
async fn what_is_not_ones_own_is_not_there() {
    let w = world().await;
    w.comment(&w.ben, "WEB-1", "for Ada").await;
    until_told(&w.ada, 1).await;
    let id = page(&w.ada).await["items"][0]["id"].as_str().unwrap().to_owned();
    let bare = |mut problem: Value| {
        problem["request_id"].take();
        problem
    };
    let absent = format!("/me/notifications/{}/read", uuid::Uuid::now_v7());
    let nothing = bare(post(&w.ben, &absent).await.problem(404, "not_found"));
    let foreign = post(&w.ben, &format!("/me/notifications/{id}/read")).await;
    assert_eq!(bare(foreign.problem(404, "not_found")), nothing);
    for odd in ["nonsense", "1", "00000000-0000-0000-0000-000000000000"] {
        post(&w.ada, &format!("/me/notifications/{odd}/read")).await.problem(404, "not_found");
    }
    let answer = w.api.send(Method::POST, &format!("/me/notifications/{id}/read"), &[], None).await;
    answer.problem(401, "unauthenticated");
    assert_eq!(unread(&w.ada).await, 1);
    // Nor does all of one's own touch another's.
    post(&w.ben, "/me/notifications/read-all").await.expect(204);
    assert_eq!(unread(&w.ada).await, 1);
}

#[tokio::test]
async fn counting_is_exact_while_much_happens_at_once() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ada).await;
    let writing = async {
        for n in 0..30 {
            w.comment(&w.ben, "WEB-1", &format!("{n}")).await;
        }
    };
    // What this client counts by the events alone.
    let hearing = async {
        let (mut known, mut read, mut made) = (BTreeSet::new(), 0, 0);
        while made < 30 || read < 10 {
            let frame = device.socket.next().await;
            let id = frame["event"]["data"]["id"].as_str().unwrap_or_default().to_owned();
            match frame["event"]["kind"].as_str() {
                Some("notification.created") => {
                    made += 1;
                    known.insert(id.clone());
                    // Every third is read as soon as it comes, twice at once.
                    if made % 3 == 0 {
                        let path = format!("/me/notifications/{id}/read");
                        let (one, two) = tokio::join!(post(&w.ada, &path), post(&w.ada, &path));
                        assert_eq!((one.status.as_u16(), two.status.as_u16()), (204, 204));
                    }
                }
                Some("notification.read") => {
                    read += 1;
                    assert!(known.remove(&id), "read twice: {frame}");
                }
                _ => panic!("{frame}"),
            }
        }
        known.len()
    };
    let ((), counted) = tokio::join!(writing, hearing);
    device.is_quiet().await;
    assert_eq!((counted, unread(&w.ada).await), (20, 20));
    let only = w.ada.get("/me/notifications?unread=true&limit=100").await.expect(200);
    assert_eq!(only["items"].as_array().unwrap().len(), 20);
}
