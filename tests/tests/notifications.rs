//! Notifications: what a user is told of, on every device, once; what is not told; and that it is forgotten.

mod crashes;
mod forgotten;
mod graph;
mod kinds;
mod lists;
mod mentions;
mod preferences;
mod read;
mod watching;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use trellis_tests::{Answer, Api, Session, Socket, unique};

/// An organization with project `website` (`WEB`) and Ada's task `WEB-1`.
struct World {
    api: Api,
    org: String,
    /// ADMIN.
    ada: Session,
    /// MEMBERs, who have read that they were added.
    ben: Session,
    cid: Session,
}

async fn world() -> World {
    world_at(Api::shared()).await
}

async fn world_at(api: Api) -> World {
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let (ben, cid) = tokio::join!(ada.invite(&org, "Ben", "MEMBER"), ada.invite(&org, "Cid", "MEMBER"));
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    for person in [&ben, &cid] {
        until_added(person).await;
        post(person, "/me/notifications/read-all").await.expect(204);
    }
    World { api, org, ada, ben, cid }
}

impl World {
    fn at(&self, rest: &str) -> String {
        format!("/organizations/{}{rest}", self.org)
    }

    /// By `person` on a task; gives the comment.
    async fn comment(&self, person: &Session, task: &str, content: &str) -> Value {
        person.post(&self.at(&format!("/tasks/{task}/comments")), json!({"content": content})).await.expect(201)
    }

    /// Until all that happened before is told: somebody who has nothing to do with it is told of something.
    async fn told_so_far(&self) {
        let task = self.ada.task(&self.org, "WEB", "Apart").await;
        let word = unique("word");
        self.comment(&self.cid, task["task_id"].as_str().unwrap(), &word).await;
        until("Ada is told of the word", async || told(&self.ada).await.iter().any(|item| item["excerpt"] == *word))
            .await;
    }

    /// The same of what happened to members.
    async fn told_of_members_so_far(&self) {
        let cid = self.at(&format!("/members/{}", self.cid.id()));
        for role in ["ADMIN", "MEMBER"] {
            self.ada.patch(&cid, json!({"role": role})).await.expect(200);
        }
        let is_told = async || {
            let told = told(&self.cid).await;
            let of_roles = told.iter().filter(|item| item["kind"] == "role_changed");
            of_roles.count() % 2 == 0 && told.iter().any(|item| item["role"] == "MEMBER")
        };
        until("Cid is told of both roles", is_told).await;
    }

    async fn remove(&self, person: &Session) {
        self.ada.delete(&self.at(&format!("/members/{}", person.id()))).await.expect(204);
    }

    /// The organization, as notifications show it.
    async fn organization(&self) -> Value {
        let organization = self.ada.get(&self.at("")).await.expect(200);
        json!({"id": organization["id"], "slug": organization["slug"], "name": organization["name"]})
    }
}

/// Without a body.
async fn post(person: &Session, path: &str) -> Answer {
    person.send(Method::POST, path, &[], None).await
}

/// A user as others see him.
fn person(session: &Session) -> Value {
    json!({"id": session.id(), "name": session.user["name"], "email": session.email()})
}

/// The whole first page.
async fn page(person: &Session) -> Value {
    person.get("/me/notifications?limit=100").await.expect(200)
}

/// All notifications of the first page, newest first, but that one was added somewhere.
async fn told(person: &Session) -> Vec<Value> {
    let items = page(person).await["items"].as_array().cloned().unwrap();
    items.into_iter().filter(|item| item["kind"] != "added").collect()
}

async fn unread(person: &Session) -> u64 {
    page(person).await["unread_count"].as_u64().unwrap()
}

/// Waits for what a worker does in its own time.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "it never comes to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until he is told of so much, beside that he was added somewhere.
async fn until_told(person: &Session, count: usize) {
    until(&format!("{} is told of {count}", person.user["name"]), async || told(person).await.len() >= count).await;
}

/// Until he is told that he was added somewhere.
async fn until_added(person: &Session) {
    let added = async || page(person).await["items"].as_array().unwrap().iter().any(|item| item["kind"] == "added");
    until(&format!("{} is told that he was added", person.user["name"]), added).await;
}

/// One device of a user: a socket that listens to his notifications.
struct Device {
    socket: Socket,
    /// Its position at the beginning.
    start: String,
}

impl Device {
    async fn open(base: &str, person: &Session) -> Self {
        Self::after(base, person, None).await
    }

    /// From a position, without a gap.
    async fn after(base: &str, person: &Session, cursor: Option<&str>) -> Self {
        let mut socket = Socket::open(base, &person.token).await;
        let subscribed = socket.subscribe("notifications", cursor).await;
        assert_eq!(subscribed["recovered"], true, "{subscribed}");
        Self { socket, start: subscribed["cursor"].as_str().unwrap().to_owned() }
    }

    /// The next frame is this kind of event.
    async fn event(&mut self, kind: &str) -> Value {
        let frame = self.socket.event(kind).await;
        assert_eq!(frame["topic"], "notifications", "{frame}");
        frame
    }

    /// The next frame is a new notification of this kind.
    async fn told(&mut self, kind: &str) -> Value {
        let frame = self.event("notification.created").await;
        let data = frame["event"]["data"].clone();
        assert_eq!(data["kind"], kind, "{frame}");
        assert_eq!(frame["event"]["actor"], data["actor"], "{frame}");
        data
    }

    async fn is_quiet(&mut self) {
        self.socket.expect_nothing_pending().await;
    }
}
