//! Watching a task: who watches is told of its comments.

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Answer, Session, unique};

use super::{Device, World, world};

impl World {
    fn watch(&self, task: &str) -> String {
        self.at(&format!("/tasks/{task}/watch"))
    }
}

async fn put(person: &Session, path: &str) -> Answer {
    person.send(Method::PUT, path, &[], None).await
}

#[tokio::test]
async fn who_watches_is_told_until_he_does_no_more() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let mut device = Device::open(&w.api.base, &w.ben).await;
    let one = w.watch("WEB-1");
    assert_eq!(w.ben.get(&one).await.expect(200), json!({"watching": false}));
    // Who watched when it was said counts, not who does when it is told, a moment later.
    w.comment(&w.ada, "WEB-1", "nobody watches").await;

    // Doing it again changes nothing; a task's id is matched in any case.
    for path in [&one, &one, &w.watch("web-1")] {
        let answer = put(&w.ben, path).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert_eq!(w.ben.get(&one).await.expect(200), json!({"watching": true}));
    }
    assert_eq!(w.ada.get(&one).await.expect(200), json!({"watching": false}), "each for himself");
    assert_eq!(w.ben.get(&w.watch("WEB-2")).await.expect(200), json!({"watching": false}));
    w.comment(&w.ada, "WEB-2", "not this one").await;
    w.comment(&w.ada, "WEB-1", "first").await;
    assert_eq!(device.told("commented").await["excerpt"], "first");
    // Changes of the task are no comments.
    w.ada.patch(&w.at("/tasks/WEB-1"), json!({"status": "DONE"})).await.expect(200);

    for path in [&one, &w.watch("web-1"), &one] {
        assert_eq!(w.ben.delete(path).await.status, 204);
        assert_eq!(w.ben.get(&one).await.expect(200), json!({"watching": false}));
    }
    w.comment(&w.ada, "WEB-1", "not watched").await;
    w.told_so_far().await;
    put(&w.ben, &w.watch("WEB-2")).await.expect(204);
    w.comment(&w.ada, "WEB-2", "last").await;
    assert_eq!(device.told("commented").await["excerpt"], "last");
    device.is_quiet().await;
}

#[tokio::test]
async fn what_is_not_there_or_not_ones_own_cannot_be_watched() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let eve = w.api.register("Eve").await;
    let bare = |mut problem: Value| {
        problem["request_id"].take();
        problem
    };
    let nowhere = format!("/organizations/{}/tasks/WEB-1/watch", unique("nowhere"));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let ask = async |person: &Session, path: &str| person.send(method.clone(), path, &[], None).await;
        for task in ["WEB-99", "NOPE-1", "WEB-0", "nonsense"] {
            ask(&w.ben, &w.watch(task)).await.problem(404, "not_found");
        }
        let absent = bare(ask(&eve, &nowhere).await.problem(404, "not_found"));
        for path in [w.watch("WEB-1"), w.watch("WEB-99")] {
            assert_eq!(bare(ask(&eve, &path).await.problem(404, "not_found")), absent, "{method} {path}");
            w.api.send(method.clone(), &path, &[], None).await.problem(401, "unauthenticated");
        }
        let odd = ask(&w.ben, &format!("{}?colour=red", w.watch("WEB-1"))).await;
        assert_eq!(odd.bad_fields(), ["colour"]);
        odd.problem(400, "invalid_request");
    }
    let answer = w.ben.post(&w.watch("WEB-1"), json!({})).await;
    assert!(answer.header("allow").contains("PUT"), "{}", answer.header("allow"));
    answer.problem(405, "method_not_allowed");
    // Pages of allowed origins may do it.
    let preflight = [("origin", "http://localhost:5173"), ("access-control-request-method", "PUT")];
    let answer = w.api.send(Method::OPTIONS, &w.watch("WEB-1"), &preflight, None).await;
    assert!(answer.header("access-control-allow-methods").contains("PUT"), "{:?}", answer.headers);
}

#[tokio::test]
async fn with_its_task_or_its_member_a_watch_is_gone() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    for task in ["WEB-1", "WEB-2"] {
        put(&w.ben, &w.watch(task)).await.expect(204);
    }
    w.ada.delete(&w.at("/tasks/WEB-1")).await.expect(204);
    w.ben.get(&w.watch("WEB-1")).await.problem(404, "not_found");
    put(&w.ben, &w.watch("WEB-1")).await.problem(404, "not_found");

    // He is told of something, so that the socket shows when he has been forgotten.
    let mut device = Device::open(&w.api.base, &w.ben).await;
    w.comment(&w.ada, "WEB-2", "seen").await;
    assert_eq!(device.told("commented").await["excerpt"], "seen");
    w.remove(&w.ben).await;
    device.event("notification.forgotten").await;
    w.ben.get(&w.watch("WEB-2")).await.problem(404, "not_found");
    let invitation = w.ada.post(&w.at("/invitations"), json!({"email": w.ben.email()})).await.expect(201);
    w.ben.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
    device.told("added").await;
    assert_eq!(w.ben.get(&w.watch("WEB-2")).await.expect(200), json!({"watching": false}));
    w.comment(&w.ada, "WEB-2", "not watched").await;
    w.told_so_far().await;
    put(&w.ben, &w.watch("WEB-2")).await.expect(204);
    w.comment(&w.ada, "WEB-2", "watched").await;
    assert_eq!(device.told("commented").await["excerpt"], "watched");
    device.is_quiet().await;
}
