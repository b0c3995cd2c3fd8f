//! What is told, to whom, with what: each kind by REST and live, at two gateways and on two devices.

use serde_json::{Value, json};
use trellis_tests::{Gateway, Session};

use super::{Device, World, page, person, told, until_added, until_told, world};

/// Two devices of a user, one at each gateway; and what both are told.
struct Devices<'a> {
    user: &'a Session,
    devices: [Device; 2],
}

impl<'a> Devices<'a> {
    async fn open(bases: [&str; 2], user: &'a Session) -> Self {
        Self { user, devices: [Device::open(bases[0], user).await, Device::open(bases[1], user).await] }
    }

    /// The next notification, alike on both devices and in the list, where it is the newest.
    async fn told(&mut self, kind: &str) -> Value {
        let [here, there] = &mut self.devices;
        let data = here.told(kind).await;
        assert_eq!(there.told(kind).await, data);
        assert_eq!(page(self.user).await["items"][0], data, "REST shows it as it came");
        assert_eq!((&data["read_at"], data["created_at"].is_string()), (&Value::Null, true), "{data}");
        data
    }

    async fn is_quiet(&mut self) {
        for device in &mut self.devices {
            device.is_quiet().await;
        }
    }
}

/// All but what is made up by the server, and the excerpt.
fn plain(mut notification: Value) -> Value {
    for name in ["id", "created_at", "excerpt"] {
        notification.as_object_mut().unwrap().remove(name).unwrap_or_else(|| panic!("no {name}"));
    }
    notification
}

async fn about(w: &World, kind: &str, by: &Session, task: Value, comment: Value) -> Value {
    json!({"kind": kind, "actor": person(by), "organization": w.organization().await, "task": task,
        "comment_id": comment, "role": null, "read_at": null})
}

fn named(task: &Value) -> Value {
    json!({"id": task["id"], "task_id": task["task_id"], "title": task["title"]})
}

#[tokio::test]
async fn each_kind_reaches_every_device_and_the_list() {
    let w = world().await;
    let second = Gateway::start(&[]).await.unwrap();
    let bases = [w.api.base.as_str(), second.base.as_str()];
    let mut bens = Devices::open(bases, &w.ben).await;
    let mut adas = Devices::open(bases, &w.ada).await;

    // Assigned, when it is made and later.
    let new = json!({"title": "Two", "assignee_id": w.ben.id(), "description": "Do it, @Ben"});
    let two = w.ada.post(&w.at("/projects/WEB/tasks"), new).await.expect(201);
    let assigned = bens.told("assigned").await;
    assert_eq!(plain(assigned), about(&w, "assigned", &w.ada, named(&two), Value::Null).await);
    let one = w.ada.patch(&w.at("/tasks/WEB-1"), json!({"assignee_email": w.ben.email()})).await.expect(200);
    assert_eq!(bens.told("assigned").await["task"], named(&one));

    // A comment: to who made the task and to whom it is given.
    let comment = w.comment(&w.cid, "WEB-1", "How about green?").await;
    for (devices, whom) in [(&mut adas, "who made it"), (&mut bens, "whom it is given to")] {
        let commented = devices.told("commented").await;
        assert_eq!(commented["excerpt"], "How about green?", "{whom}");
        let wanted = about(&w, "commented", &w.cid, named(&one), comment["id"].clone()).await;
        assert_eq!(plain(commented), wanted, "{whom}");
    }

    // Mentioned: that, and not the comment as well.
    let comment = w.comment(&w.cid, "WEB-2", "Look here, @Ben").await;
    let mentioned = bens.told("mentioned").await;
    assert_eq!(mentioned["excerpt"], "Look here, @Ben");
    assert_eq!(plain(mentioned), about(&w, "mentioned", &w.cid, named(&two), comment["id"].clone()).await);
    adas.told("commented").await;

    // A role.
    w.ada.patch(&w.at(&format!("/members/{}", w.ben.id())), json!({"role": "ADMIN"})).await.expect(200);
    let changed = bens.told("role_changed").await;
    let wanted = json!({"kind": "role_changed", "actor": person(&w.ada), "organization": w.organization().await,
        "task": null, "comment_id": null, "role": "ADMIN", "read_at": null});
    assert_eq!((&changed["excerpt"], plain(changed.clone())), (&Value::Null, wanted));
    bens.is_quiet().await;
    adas.is_quiet().await;
}

#[tokio::test]
async fn who_was_invited_is_told_that_he_is_in_and_by_whom() {
    let w = world().await;
    // He registers with the invitation …
    let dan = w.ada.invite(&w.org, "Dan", "ADMIN").await;
    until_added(&dan).await;
    // … or has been there before.
    let eve = w.api.register("Eve").await;
    let mut device = Device::open(&w.api.base, &eve).await;
    let invitation = w.ada.post(&w.at("/invitations"), json!({"email": eve.email()})).await.expect(201);
    eve.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
    let told = device.told("added").await;
    assert_eq!(page(&eve).await["items"], json!([told]));

    for (user, role) in [(&dan, "ADMIN"), (&eve, "MEMBER")] {
        let list = page(user).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
        let wanted = json!({"kind": "added", "actor": person(&w.ada), "organization": w.organization().await,
            "task": null, "comment_id": null, "role": role, "read_at": null});
        assert_eq!((plain(list["items"][0].clone()), &list["unread_count"]), (wanted, &json!(1)));
    }
    device.is_quiet().await;
}

#[tokio::test]
async fn ones_own_acts_are_not_told() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ada).await;
    // Ada made WEB-1; now she does everything that would be told, had anybody else done it.
    let own = json!({"title": "Mine", "assignee_id": w.ada.id(), "description": "@Ada"});
    w.ada.post(&w.at("/projects/WEB/tasks"), own).await.expect(201);
    w.ada.patch(&w.at("/tasks/WEB-1"), json!({"assignee_id": w.ada.id(), "description": "@Ada"})).await.expect(200);
    w.ada.send(reqwest::Method::PUT, &w.at("/tasks/WEB-1/watch"), &[], None).await.expect(204);
    let comment = w.comment(&w.ada, "WEB-1", &format!("@Ada @{}", w.ada.email())).await;
    let path = w.at(&format!("/comments/{}", comment["id"].as_str().unwrap()));
    w.ada.patch(&path, json!({"content": "@Ada again"})).await.expect(200);
    w.ada.patch(&w.at(&format!("/members/{}", w.ben.id())), json!({"role": "ADMIN"})).await.expect(200);
    w.ada.patch(&w.at(&format!("/members/{}", w.ada.id())), json!({"role": "MEMBER"})).await.expect(200);
    w.ada.organization().await;
    // Nor is joining by oneself where the door is open.
    w.ben.patch(&w.at(""), json!({"join_policy": "OPEN"})).await.expect(200);
    let dan = w.api.register_with(json!({"name": "Dan", "organization_slug": w.org})).await;

    // After all that, somebody else does something.
    w.ben.patch(&w.at(&format!("/members/{}", w.ada.id())), json!({"role": "ADMIN"})).await.expect(200);
    device.told("role_changed").await;
    w.comment(&w.ben, "WEB-1", "@Dan").await;
    device.told("commented").await;
    until_told(&dan, 1).await;
    assert_eq!(told(&dan).await.len(), 1);
    assert_eq!(page(&dan).await["items"].as_array().unwrap().len(), 1, "he was not added, he came");
    assert_eq!(page(&w.ada).await["items"].as_array().unwrap().len(), 2);
    device.is_quiet().await;
}

#[tokio::test]
async fn a_comment_is_told_to_all_whom_the_task_concerns_and_to_each_once() {
    let w = world().await;
    let dan = w.ada.invite(&w.org, "Dan", "MEMBER").await;
    let eve = w.ada.invite(&w.org, "Eve", "MEMBER").await;
    for user in [&dan, &eve] {
        until_added(user).await;
    }
    // Ada made it, Ben has it and has commented on it and watches it, Cid has commented, Dan watches; Eve does nothing.
    w.ada.patch(&w.at("/tasks/WEB-1"), json!({"assignee_id": w.ben.id()})).await.expect(200);
    w.comment(&w.ben, "WEB-1", "first").await;
    w.comment(&w.cid, "WEB-1", "second").await;
    for user in [&w.ben, &dan] {
        user.send(reqwest::Method::PUT, &w.at("/tasks/WEB-1/watch"), &[], None).await.expect(204);
    }
    let eves = Device::open(&w.api.base, &eve).await;
    w.comment(&eve, "WEB-1", "third, @Ben").await;
    w.comment(&w.ada, "WEB-1", "for all: @Eve").await;

    let mut eves = eves;
    eves.told("mentioned").await;
    eves.is_quiet().await;
    for (user, wanted) in [
        (&w.ada, vec!["commented: third, @Ben", "commented: second", "commented: first"]),
        (&w.ben, vec!["commented: for all: @Eve", "mentioned: third, @Ben", "commented: second", "assigned: "]),
        (&w.cid, vec!["commented: for all: @Eve", "commented: third, @Ben"]),
        (&dan, vec!["commented: for all: @Eve", "commented: third, @Ben"]),
        (&eve, vec!["mentioned: for all: @Eve"]),
    ] {
        until_told(user, wanted.len()).await;
        let of_one = |item: &Value| {
            format!("{}: {}", item["kind"].as_str().unwrap(), item["excerpt"].as_str().unwrap_or_default())
        };
        let all: Vec<_> = told(user).await.iter().map(of_one).collect();
        assert_eq!(all, wanted, "{}", user.user["name"]);
    }
}

#[tokio::test]
async fn of_many_at_once_each_is_told_once() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ada).await;
    let writing = (0..20).map(|n| {
        let (w, person) = (&w, if n % 2 == 0 { &w.ben } else { &w.cid });
        async move {
            let mut ids = Vec::new();
            for m in 0..4 {
                ids.push(w.comment(person, "WEB-1", &format!("{n}-{m}")).await["id"].clone());
            }
            ids
        }
    });
    let written = futures_util::future::join_all(writing).await.concat();
    let mut heard = Vec::new();
    for _ in &written {
        heard.push(device.told("commented").await["comment_id"].clone());
    }
    device.is_quiet().await;
    let listed: Vec<_> = told(&w.ada).await.iter().map(|item| item["comment_id"].clone()).rev().collect();
    assert_eq!(listed, heard, "the list has the order of the events");
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(ToString::to_string);
        ids
    };
    assert_eq!(sorted(heard), sorted(written));
    assert_eq!(super::unread(&w.ada).await, 80);
}

#[tokio::test]
async fn an_excerpt_is_the_beginning_in_whole_characters() {
    let w = world().await;
    let mut device = Device::open(&w.api.base, &w.ada).await;
    let long = "🐈é".repeat(500);
    w.comment(&w.ben, "WEB-1", &long).await;
    let excerpt = device.told("commented").await["excerpt"].as_str().unwrap().to_owned();
    let kept: String = excerpt.trim_end_matches('…').to_owned();
    assert!(long.starts_with(&kept) && excerpt.chars().count() <= 200 && kept.chars().count() >= 100, "{excerpt}");
}
