//! The topic `notifications`: the user's own, on every device, and nothing of an organization after the membership.

use serde_json::{Value, json};
use trellis_gateway::{cursor::Cursor, live::Limits};
use trellis_proto::project::v1::{OpenTopicRequest, OpenTopicResponse};
use uuid::Uuid;

use crate::{
    client::Client,
    graphql,
    store::{ACME, ANN, BOB, OTHER},
    world::{Fast, World, limits, session, token},
};

const TOPIC: &str = "notifications";
const EVENTS: &str = "subscription($after: String) { notifications(after: $after) { cursor kind recovered readAt
    organizationId actor { name } notification { kind excerpt readAt organization { slug } task { taskId } } } }";

fn at(world: &World, user: Uuid, seq: u64) -> String {
    Cursor { epoch: world.store.lock().epoch, scope: user, seq }.to_string()
}

/// Kind and text of the next event.
async fn told(client: &mut Client) -> (String, Value) {
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["topic"]), (&json!("event"), &json!(TOPIC)), "{frame}");
    (frame["event"]["kind"].as_str().unwrap().to_owned(), frame["event"]["data"].clone())
}

/// The excerpts of the next events, or what else they are.
async fn heard(client: &mut Client, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let (kind, data) = told(client).await;
        heard.push(data["excerpt"].as_str().map_or(kind, str::to_owned));
    }
    heard
}

#[tokio::test]
async fn they_arrive_at_every_device_of_their_user_and_nowhere_else() {
    let world = World::start().await;
    let mut one = world.ann_live_at(TOPIC).await;
    let mut two = Client::with_token(world.address, &token(ANN, session(2), 600)).await;
    two.subscribe(TOPIC, None).await;
    let mut bob = Client::with_token(world.address, &token(BOB, session(3), 600)).await;
    bob.subscribe(TOPIC, None).await;
    let event = world.store.notify(ANN, ACME, "Hi");
    world.publish(&event).await;
    let frame = one.next().await;
    let bobs = json!({"id": BOB, "name": "bob", "email": "bob@example.org"});
    assert_eq!((&frame["type"], &frame["topic"]), (&json!("event"), &json!(TOPIC)));
    assert_eq!(frame["cursor"], at(&world, ANN, 1));
    assert_eq!((&frame["event"]["id"], &frame["event"]["actor"]), (&json!(event.id), &bobs));
    let data = &frame["event"]["data"];
    assert_eq!(
        *data,
        json!({
            "id": data["id"], "kind": "commented", "actor": bobs,
            "organization": {"id": ACME, "slug": "acme", "name": "ACME"},
            "task": {"id": Uuid::nil(), "task_id": "WEB-1", "title": "Draw"}, "comment_id": Uuid::nil(),
            "excerpt": "Hi", "role": null, "created_at": data["created_at"], "read_at": null,
        })
    );
    assert_eq!(two.next().await["event"], frame["event"]);
    bob.hears_nothing().await;
}

#[tokio::test]
async fn reading_on_one_device_is_told_to_the_others() {
    let world = World::start().await;
    let mut ann = world.ann_live_at(TOPIC).await;
    let created = world.store.notify(ANN, ACME, "Hi");
    world.publish(&created).await;
    world.publish(&world.store.read_one(ANN, &created)).await;
    world.publish(&world.store.read_all(ANN)).await;
    assert_eq!(told(&mut ann).await.0, "notification.created");
    let (kind, data) = told(&mut ann).await;
    assert_eq!((&*kind, &data["excerpt"]), ("notification.read", &json!("Hi")));
    assert!(data["read_at"].as_str().unwrap().ends_with('Z'));
    let (kind, data) = told(&mut ann).await;
    assert_eq!(kind, "notification.all_read");
    assert_eq!(data, json!({"read_at": data["read_at"]}));
    assert!(data["read_at"].is_string());
}

#[tokio::test]
async fn a_removal_ends_what_is_told_of_the_organization_and_not_the_topic() {
    let world = World::start().await;
    let mut ann = world.ann_live_at(TOPIC).await;
    ann.subscribe("task:acme/WEB-1", None).await;
    world.store.remove(ACME, ANN, true);
    assert_eq!(ann.next().await, json!({"type": "revoked", "topic": "task:acme/WEB-1"}));
    world.publish(&world.store.notify(ANN, OTHER, "elsewhere")).await;
    world.publish(&world.store.forget(ANN, ACME)).await;
    assert_eq!(heard(&mut ann, 1).await, ["elsewhere"]);
    assert_eq!(told(&mut ann).await, ("notification.forgotten".into(), json!({"organization_id": ACME})));
    // Nor does it end where every access is checked again.
    world.store.forget_memberships();
    world.publish(&world.store.notify(ANN, OTHER, "again")).await;
    assert_eq!(heard(&mut ann, 1).await, ["again"]);
}

#[tokio::test]
async fn what_was_forgotten_keeps_its_place_and_is_not_shown() {
    let world = World::with(limits(), Fast::Off).await;
    for (org, text) in [(ACME, "one"), (OTHER, "two"), (ACME, "three")] {
        world.store.notify(ANN, org, text);
    }
    world.store.forget(ANN, ACME);
    world.store.notify(ANN, ACME, "a member again");
    let mut ann = world.ann().await;
    let subscribed = ann.subscribe(TOPIC, Some(&at(&world, ANN, 0))).await;
    assert_eq!((&subscribed["cursor"], &subscribed["recovered"]), (&json!(at(&world, ANN, 0)), &json!(true)));
    assert_eq!(heard(&mut ann, 3).await, ["two", "notification.forgotten", "a member again"]);
    ann.hears_nothing().await;
}

/// What is in memory still: of the ring, which the fast path filled, and of pages, which others came for.
#[tokio::test]
async fn what_was_forgotten_is_not_shown_from_rings_and_kept_pages() {
    let world = World::without_heads().await;
    world.store.notify(ANN, ACME, "page one");
    world.store.notify(ANN, OTHER, "page two");
    let mut early = world.ann().await;
    early.subscribe(TOPIC, Some(&at(&world, ANN, 0))).await;
    assert_eq!(heard(&mut early, 2).await, ["page one", "page two"]);
    world.until(|world| world.fake.calls("ProjectService/ReadEvents").len() >= 2).await;
    world.publish(&world.store.notify(ANN, ACME, "ring one")).await;
    world.publish(&world.store.notify(ANN, OTHER, "ring two")).await;
    assert_eq!(heard(&mut early, 2).await, ["ring one", "ring two"]);
    let mut from_page = Client::with_token(world.address, &token(ANN, session(2), 600)).await;
    from_page.subscribe(TOPIC, Some(&at(&world, ANN, 0))).await;
    assert_eq!(heard(&mut from_page, 4).await, ["page one", "page two", "ring one", "ring two"]);
    let reads = world.fake.calls("ProjectService/ReadEvents").len();

    world.publish(&world.store.forget(ANN, ACME)).await;
    world.publish(&world.store.notify(ANN, ACME, "a member again")).await;
    for client in [&mut early, &mut from_page] {
        assert_eq!(heard(client, 2).await, ["notification.forgotten", "a member again"]);
    }
    let mut late = Client::with_token(world.address, &token(ANN, session(3), 600)).await;
    late.subscribe(TOPIC, Some(&at(&world, ANN, 0))).await;
    let rest = ["notification.forgotten", "a member again"];
    assert_eq!(heard(&mut late, 4).await, ["page two", "ring two", rest[0], rest[1]]);
    late.subscribe(TOPIC, Some(&at(&world, ANN, 2))).await;
    assert_eq!(heard(&mut late, 3).await, ["ring two", rest[0], rest[1]]);
    late.hears_nothing().await;
    assert_eq!(world.fake.calls("ProjectService/ReadEvents").len(), reads, "all of it was in memory");
}

/// The log says that it was forgotten, and nobody has told the ring yet.
#[tokio::test]
async fn a_ring_that_is_behind_the_log_shows_nothing_that_the_log_forgot() {
    let world = World::without_heads().await;
    let mut early = world.ann_live_at(TOPIC).await;
    world.publish(&world.store.notify(ANN, ACME, "secret")).await;
    world.publish(&world.store.notify(ANN, OTHER, "elsewhere")).await;
    assert_eq!(heard(&mut early, 2).await, ["secret", "elsewhere"]);
    // Not over NATS.
    world.store.forget(ANN, ACME);
    let mut late = Client::with_token(world.address, &token(ANN, session(2), 600)).await;
    late.subscribe(TOPIC, Some(&at(&world, ANN, 0))).await;
    assert_eq!(heard(&mut late, 2).await, ["elsewhere", "notification.forgotten"]);
}

#[tokio::test]
async fn what_a_slow_socket_has_not_yet_written_goes_with_the_membership() {
    let world = World::with(Limits { quiet: std::time::Duration::from_hours(1), ..limits() }, Fast::Path).await;
    let stream = crate::slow::narrow(world.address).await;
    let bearer = format!("Bearer {}", token(ANN, session(1), 600));
    let mut slow = Client::over(stream, world.address, "trellis.v1", &[("authorization", &bearer)]).await;
    slow.subscribe(TOPIC, None).await;
    let mut quick = Client::with_token(world.address, &token(ANN, session(2), 600)).await;
    quick.subscribe(TOPIC, None).await;
    let text = |number: usize| format!("{number} {}", "x".repeat(20_000));
    for number in 0..600 {
        world.publish(&world.store.notify(ANN, ACME, &text(number))).await;
        heard(&mut quick, 1).await;
    }
    world.store.remove(ACME, ANN, true);
    world.publish(&world.store.forget(ANN, ACME)).await;
    assert_eq!(heard(&mut quick, 1).await, ["notification.forgotten"]);
    // A batch and what the kernel holds is on its way; the rest is not sent any more.
    let mut before = 0;
    while heard(&mut slow, 1).await[0] != "notification.forgotten" {
        before += 1;
    }
    assert!(before < 500, "{before} of 600");
    slow.hears_nothing().await;
}

#[tokio::test]
async fn it_is_ones_own_order_or_none() {
    let world = World::start().await;
    world.fake.on("ProjectService/OpenTopic", {
        let store = world.store.clone();
        move |request: OpenTopicRequest, _| {
            assert_eq!(request.org, "");
            Ok::<OpenTopicResponse, _>(store.lock().open(&request, Some(BOB)).unwrap())
        }
    });
    let mut ann = world.ann().await;
    ann.say(json!({"type": "subscribe", "id": 1, "topic": TOPIC})).await;
    let answer = ann.next().await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("internal")));
    // A cursor of another's order is no way in.
    let other = World::start().await;
    other.store.notify(BOB, ACME, "Bob's");
    let mut ann = other.ann().await;
    let subscribed = ann.subscribe(TOPIC, Some(&at(&other, BOB, 0))).await;
    assert_eq!((&subscribed["cursor"], &subscribed["recovered"]), (&json!(at(&other, ANN, 0)), &json!(false)));
    ann.hears_nothing().await;
}

#[tokio::test]
async fn the_end_of_the_session_ends_it() {
    let world = World::start().await;
    let ann = world.ann_live_at(TOPIC).await;
    world.gateway.sessions.revoke(session(1), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    assert_eq!(ann.closed().await, 4401);
}

#[tokio::test]
async fn the_graph_tells_of_them_too() {
    let world = World::start().await;
    let created = world.store.notify(ANN, ACME, "missed");
    let mut client = graphql::ann(&world).await;
    let begun = graphql::begin(&mut client, "a", EVENTS, Some(&at(&world, ANN, 0))).await;
    assert_eq!(begun, (at(&world, ANN, 0), true));
    let frame = graphql::heard(&mut client, "a").await;
    let missed = json!({
        "kind": "COMMENTED", "excerpt": "missed", "readAt": null, "organization": {"slug": "acme"},
        "task": {"taskId": "WEB-1"},
    });
    assert_eq!((&frame["kind"], &frame["notification"]), (&json!("notification.created"), &missed));
    assert_eq!((&frame["cursor"], &frame["actor"]), (&json!(at(&world, ANN, 1)), &json!({"name": "bob"})));
    world.publish(&world.store.read_one(ANN, &created)).await;
    let frame = graphql::heard(&mut client, "a").await;
    assert_eq!(frame["kind"], "notification.read");
    assert!(frame["notification"]["readAt"].is_string() && frame["readAt"].is_null());
    world.publish(&world.store.read_all(ANN)).await;
    let frame = graphql::heard(&mut client, "a").await;
    assert!(frame["kind"] == "notification.all_read" && frame["readAt"].is_string(), "{frame}");
    world.store.remove(ACME, ANN, true);
    world.publish(&world.store.forget(ANN, ACME)).await;
    let frame = graphql::heard(&mut client, "a").await;
    assert_eq!((&frame["kind"], &frame["organizationId"]), (&json!("notification.forgotten"), &json!(ACME)));
    world.publish(&world.store.notify(ANN, OTHER, "goes on")).await;
    assert_eq!(graphql::heard(&mut client, "a").await["notification"]["excerpt"], "goes on");
}
