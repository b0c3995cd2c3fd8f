//! What one wants to be told of.

use serde_json::{Value, json};

use super::{Device, told, world};

const PATH: &str = "/me/notification-preferences";

#[tokio::test]
async fn everything_is_wanted_until_one_says_otherwise_and_each_kind_for_itself() {
    let w = world().await;
    let all = json!({"assigned": true, "mentioned": true, "commented": true, "added": true, "role_changed": true});
    assert_eq!(w.ada.get(PATH).await.expect(200), all);
    assert_eq!(w.ada.patch(PATH, json!({})).await.expect(200), all);
    let mut wanted = all.clone();
    for name in ["commented", "added"] {
        wanted[name] = json!(false);
        assert_eq!(w.ada.patch(PATH, json!({name: false})).await.expect(200), wanted);
    }
    assert_eq!(w.ada.get(PATH).await.expect(200), wanted);
    assert_eq!(w.ben.get(PATH).await.expect(200), all, "everybody has his own");
    assert_eq!(w.ada.patch(PATH, all.clone()).await.expect(200), all);

    for name in ["commented", "assigned", "role_changed"] {
        for value in [json!("no"), json!(0), json!([])] {
            let answer = w.ada.patch(PATH, json!({name: value})).await;
            assert_eq!(answer.bad_fields(), [name], "{value}: {}", answer.text);
            answer.problem(422, "validation_failed");
        }
    }
    let unknown = w.ada.patch(PATH, json!({"assigned": false, "colour": true})).await;
    assert_eq!(unknown.bad_fields(), ["colour"]);
    unknown.problem(400, "invalid_request");
    w.ada.patch(PATH, json!([])).await.problem(400, "invalid_request");
    assert_eq!(w.ada.get(PATH).await.expect(200), all, "what was refused has changed nothing");
    w.api.get(PATH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_not_wanted_is_not_told_and_the_rest_is() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ben).await;
    let ben = w.at(&format!("/members/{}", w.ben.id()));
    // One act of each kind, in turn.
    let acts = async || {
        w.ada.patch(&w.at("/tasks/WEB-1"), json!({"assignee_id": w.ben.id()})).await.expect(200);
        w.comment(&w.cid, "WEB-1", "@Ben").await;
        w.comment(&w.cid, "WEB-1", "Hello").await;
        w.ada.patch(&w.at("/tasks/WEB-1"), json!({"assignee_id": null})).await.expect(200);
    };
    w.ben.send(reqwest::Method::PUT, &w.at("/tasks/WEB-1/watch"), &[], None).await.expect(204);
    acts().await;
    for kind in ["assigned", "mentioned", "commented"] {
        device.told(kind).await;
    }
    for (off, kinds) in [("assigned", vec!["mentioned", "commented"]), ("commented", vec!["assigned", "mentioned"])] {
        w.ben.patch(PATH, json!({off: false})).await.expect(200);
        acts().await;
        for kind in kinds {
            device.told(kind).await;
        }
        // It is looked at when it is told, not when it happens.
        w.told_so_far().await;
        w.ben.patch(PATH, json!({off: true})).await.expect(200);
    }
    // What was not told then is not told later.
    w.comment(&w.cid, "WEB-1", "the last").await;
    assert_eq!(device.told("commented").await["excerpt"], "the last");

    w.ben.patch(PATH, json!({"role_changed": false, "mentioned": false})).await.expect(200);
    w.ada.patch(&ben, json!({"role": "ADMIN"})).await.expect(200);
    let two = w.ada.task(&w.org, "WEB", "Two").await;
    let two = two["task_id"].as_str().unwrap();
    w.comment(&w.ada, two, "@Ben").await;
    w.ada.patch(&w.at(&format!("/tasks/{two}")), json!({"assignee_id": w.ben.id()})).await.expect(200);
    device.told("assigned").await;
    w.told_of_members_so_far().await;
    w.ben.patch(PATH, json!({"role_changed": true})).await.expect(200);
    w.ada.patch(&ben, json!({"role": "MEMBER"})).await.expect(200);
    assert_eq!(device.told("role_changed").await["role"], "MEMBER");
    device.is_quiet().await;
    let kinds: Vec<Value> = told(&w.ben).await.iter().map(|item| item["kind"].clone()).collect();
    assert_eq!(kinds.len(), 3 + 2 + 2 + 1 + 1 + 1, "{kinds:?}");
}

#[tokio::test]
async fn who_does_not_want_to_hear_of_being_added_does_not() {
    let w = world().await;
    let dan = w.api.register("Dan").await;
    dan.patch(PATH, json!({"added": false})).await.expect(200);
    let mut device = Device::open(&w.api.base, &dan).await;
    let invitation = w.ada.post(&w.at("/invitations"), json!({"email": dan.email()})).await.expect(201);
    dan.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
    w.ada.patch(&w.at(&format!("/members/{}", dan.id())), json!({"role": "ADMIN"})).await.expect(200);
    device.told("role_changed").await;
    device.is_quiet().await;
}
