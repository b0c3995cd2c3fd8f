//! Who is no member any more has no notifications of the organization: not in lists or counts, not live, not replayed.

use serde_json::{Value, json};
use trellis_tests::{Gateway, Session, Socket};

use super::{Device, World, page, post, told, until, until_added, until_told, world};

/// Everything of the first organization has this word in it, and nothing else has.
const WORD: &str = "confidential";

/// Ben is told of many things of one organization, and of one thing of another.
struct Two {
    w: World,
    /// Ben's position before any of it.
    before: String,
    /// Of Eve's, where Ben stays.
    other: String,
    eve: Session,
}

async fn two() -> Two {
    let w = world().await;
    let eve = w.api.register("Eve").await;
    let other = eve.organization().await;
    eve.project(&other, json!({"name": "Other", "key": "OTH"})).await;
    eve.task(&other, "OTH", "Elsewhere").await;
    let invitation = eve.post(&format!("/organizations/{other}/invitations"), json!({"email": w.ben.email()})).await;
    let before = w.ben.get("/me/notifications").await.cursor();
    w.ben.post("/invitations/accept", json!({"token": invitation.expect(201)["token"]})).await.expect(200);
    let title = json!({"title": format!("A {WORD} task"), "assignee_id": w.ben.id()});
    w.ada.post(&w.at("/projects/WEB/tasks"), title).await.expect(201);
    for n in 0..3 {
        w.comment(&w.cid, "WEB-2", &format!("a {WORD} word {n}")).await;
    }
    w.ada.patch(&w.at(&format!("/members/{}", w.ben.id())), json!({"role": "ADMIN"})).await.expect(200);
    until_told(&w.ben, 5).await;
    until_added(&w.ben).await;
    let two = Two { w, before, other, eve };
    two.elsewhere("one", 6).await;
    two
}

impl Two {
    /// Ben is told of something of the other organization; after it he is told of so much.
    async fn elsewhere(&self, word: &str, count: usize) {
        let path = format!("/organizations/{}/tasks/OTH-1/comments", self.other);
        self.eve.post(&path, json!({"content": format!("@Ben {word}")})).await.expect(201);
        until_told(&self.w.ben, count).await;
    }

    /// Nothing of the organization is in it.
    fn is_clean(&self, what: &str, text: &str) {
        for word in [WORD, &self.w.org, "WEB-2", self.w.cid.email(), self.w.ada.email()] {
            assert!(!text.contains(word), "{what} tells of {word}: {text}");
        }
    }

    /// Everything that a replay from before it all shows, at this gateway: up to the last word of the other one.
    async fn replay(&self, base: &str, last: &str) -> Vec<String> {
        let mut socket = Socket::open(base, &self.w.ben.token).await;
        let subscribed = socket.subscribe("notifications", Some(&self.before)).await;
        assert_eq!(subscribed["recovered"], true, "{subscribed}");
        let mut kinds = Vec::new();
        loop {
            let frame = socket.next().await;
            self.is_clean("a replay", &frame.to_string());
            let data = &frame["event"]["data"];
            kinds.push(frame["event"]["kind"].as_str().unwrap_or_else(|| panic!("{frame}")).to_owned());
            if data["excerpt"] == format!("@Ben {last}") {
                socket.expect_nothing_pending().await;
                return kinds;
            }
        }
    }
}

#[tokio::test]
async fn a_removed_member_is_told_that_it_is_forgotten_and_finds_nothing_anywhere() {
    let two = two().await;
    let w = &two.w;
    let second = Gateway::start(&[]).await.unwrap();
    let organization = w.organization().await["id"].clone();
    // One device has heard all of it, so that it is in the memory of its gateway; the other one listens from now on.
    let mut here = Device::after(&w.api.base, &w.ben, Some(&two.before)).await;
    while here.event("notification.created").await["event"]["data"]["excerpt"] != "@Ben one" {}
    let mut there = Device::open(&second.base, &w.ben).await;

    w.remove(&w.ben).await;
    // At once, before any worker has done anything.
    for query in ["", "?unread=true", "?limit=1"] {
        let answer = w.ben.get(&format!("/me/notifications{query}")).await;
        two.is_clean("the list", &answer.text);
    }
    for device in [&mut here, &mut there] {
        let frame = device.event("notification.forgotten").await;
        assert_eq!(frame["event"]["data"], json!({"organization_id": organization}));
        two.is_clean("the event", &frame.to_string());
    }
    until("the count has none of it", async || super::unread(&w.ben).await == 2).await;
    let list = page(&w.ben).await;
    let slugs: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["organization"]["slug"]).collect();
    assert_eq!(slugs, [&json!(two.other), &json!(two.other)], "that one was added there, and the word");

    // What is told afterwards is told no more.
    w.comment(&w.ada, "WEB-2", &format!("@Ben @{} {WORD}", w.ben.email())).await;
    w.told_so_far().await;
    two.elsewhere("two", 2).await;
    for device in [&mut here, &mut there] {
        assert_eq!(device.told("mentioned").await["excerpt"], "@Ben two");
        device.is_quiet().await;
    }
    for base in [&w.api.base, &second.base] {
        let kinds = two.replay(base, "two").await;
        let wanted = ["created", "created", "forgotten", "created"].map(|kind| format!("notification.{kind}"));
        let shown: Vec<_> = kinds.iter().filter(|kind| *kind != "notification.all_read").collect();
        assert_eq!(shown, wanted.iter().collect::<Vec<_>>(), "of the other organization, and that it was forgotten");
    }
    let document = "{ me { notifications(first: 50) { nodes { kind excerpt organization { slug } task { title } } unreadCount } } }";
    let answer = w.ben.graph().post(document, json!({})).await;
    two.is_clean("GraphQL", &answer.text);
    assert_eq!(answer.data()["me"]["notifications"]["unreadCount"], 3);
    // Nobody else has lost anything.
    assert!(!told(&w.ada).await.is_empty());
}

#[tokio::test]
async fn what_is_forgotten_does_not_come_back_with_its_member() {
    let two = two().await;
    let w = &two.w;
    let mut device = Device::open(&w.api.base, &w.ben).await;
    let ids: Vec<Value> =
        page(&w.ben).await["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    w.remove(&w.ben).await;
    device.event("notification.forgotten").await;
    let invitation = w.ada.post(&w.at("/invitations"), json!({"email": w.ben.email()})).await.expect(201);
    w.ben.post("/invitations/accept", json!({"token": invitation["token"]})).await.expect(200);
    assert_eq!(device.told("added").await["role"], "MEMBER");
    let list = page(&w.ben).await;
    assert_eq!((&list["unread_count"], list["items"].as_array().unwrap().len()), (&json!(3), 3), "{list}");
    assert_eq!(list["items"][0]["organization"]["slug"], w.org);
    // Those of before are not there to be read.
    let mut gone = 0;
    for id in ids {
        let answer = post(&w.ben, &format!("/me/notifications/{}/read", id.as_str().unwrap())).await;
        gone += usize::from(answer.status == 404);
    }
    assert!(gone >= 5, "{gone}");
    device.event("notification.read").await;
    device.event("notification.read").await;
    // He is told again, from now on.
    w.comment(&w.cid, "WEB-2", "for whom it was given to").await;
    assert_eq!(device.told("commented").await["excerpt"], "for whom it was given to");
    device.is_quiet().await;
}

#[tokio::test]
async fn who_leaves_and_whose_organization_is_deleted_forgets_as_well() {
    let two = two().await;
    let w = &two.w;
    let mut device = Device::open(&w.api.base, &w.ben).await;
    let mut cids = Device::open(&w.api.base, &w.cid).await;
    w.comment(&w.ada, "WEB-1", "@Cid").await;
    cids.told("mentioned").await;
    let organization = w.organization().await["id"].clone();
    w.ben.delete(&w.at(&format!("/members/{}", w.ben.id()))).await.expect(204);
    assert_eq!(device.event("notification.forgotten").await["event"]["data"]["organization_id"], organization);
    w.ada.delete(&w.at("")).await.expect(204);
    assert_eq!(cids.event("notification.forgotten").await["event"]["data"]["organization_id"], organization);
    for person in [&w.cid, &w.ada] {
        until("nothing is left", async || page(person).await["unread_count"] == 0).await;
        assert_eq!(page(person).await["items"], json!([]));
    }
    // Who had none is told of nothing.
    let eves = page(&two.eve).await;
    assert_eq!(eves["items"], json!([]));
    device.is_quiet().await;
}
