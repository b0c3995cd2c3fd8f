//! The socket of the original system, as its clients know it.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use trellis_gateway::live::Limits;
use trellis_proto::project::v1::CreateCommentRequest;
use trellis_rpc::Problem;

use crate::{
    client::Client,
    store::{ACME, ANN, BOB},
    world::{Fast, World, limits, session, token},
};

const WELCOME: &str = r#"{"type":"system","message":"Connected to task comments","task_id":"WEB-1"}"#;

fn ann() -> String {
    token(ANN, session(1), 600)
}

async fn open(world: &World, path: &str) -> Client {
    Client::at(world.address, path, "", &[]).await
}

/// Ann, on WEB-1, welcomed.
async fn ann_on(world: &World) -> Client {
    let mut client = open(world, &format!("/ws/tasks/acme/WEB-1/comments/?token={}", ann())).await;
    assert_eq!(client.text().await, WELCOME);
    client
}

/// As `ann_on`, by the fast path.
async fn ann_live_on(world: &World) -> Client {
    let client = ann_on(world).await;
    world.until(|world| !world.fake.calls("ProjectService/ReadEvents").is_empty()).await;
    client
}

fn made(world: &World) -> usize {
    world.fake.calls("ProjectService/CreateComment").len()
}

#[tokio::test]
async fn it_opens_with_a_welcome_by_every_address() {
    let world = World::start().await;
    for path in ["/ws/tasks/acme/WEB-1/comments/", "/ws/tasks/acme/WEB-1/comments", "/ws/tasks/acme/web-1/comments/"] {
        let mut client = open(&world, &format!("{path}?token={}", ann())).await;
        assert_eq!(client.text().await, WELCOME);
        for scheme in ["Bearer", "JWT"] {
            let header = format!("{scheme} {}", ann());
            let mut client = Client::at(world.address, path, "", &[("authorization", &header)]).await;
            assert_eq!(client.text().await, WELCOME);
        }
    }
}

#[tokio::test]
async fn a_comment_comes_to_everybody_once_and_in_order() {
    let world = World::start().await;
    world.relay_what_is_made();
    world.comment("WEB-1", "before anybody listened").await;
    let mut one = ann_on(&world).await;
    let bob = token(BOB, session(2), 600);
    let mut two = open(&world, &format!("/ws/tasks/acme/web-1/comments/?token={bob}")).await;
    assert_eq!(two.text().await, WELCOME);
    let mut full = world.ann_at("task:acme/WEB-1").await;
    for number in 0..5 {
        let client = if number % 2 == 0 { &mut one } else { &mut two };
        client.say(json!({"message": format!("  {number} ")})).await;
        world.until(|world| made(world) == number + 1).await;
        world.comment("WEB-1", &format!("{number} elsewhere")).await;
        world.comment("WEB-2", "on another task").await;
    }
    let expected: Vec<String> = (0..5).flat_map(|n| [n.to_string(), format!("{n} elsewhere")]).collect();
    for client in [&mut one, &mut two] {
        for text in &expected {
            assert_eq!(client.next().await["content"], **text);
        }
        client.hears_nothing().await;
    }
    assert_eq!(full.texts(10).await, expected);
}

#[tokio::test]
async fn a_comment_has_the_originals_fields_in_their_order() {
    let world = World::start().await;
    world.relay_what_is_made();
    let mut client = ann_live_on(&world).await;
    client.say(json!({"message": "Hello \"you\""})).await;
    let text = client.text().await;
    let frame: Value = serde_json::from_str(&text).unwrap();
    let (id, timestamp) = (frame["id"].as_str().unwrap(), frame["timestamp"].as_str().unwrap());
    assert!(timestamp.ends_with('Z'));
    let expected = format!(
        concat!(
            r#"{{"id":"{}","content":"Hello \"you\"","author":{{"id":"{}","email":"ann@example.org","name":"ann"}},"#,
            r#""timestamp":"{}","task_id":"WEB-1"}}"#
        ),
        id, ANN, timestamp
    );
    assert_eq!(text, expected);
    let asked: CreateCommentRequest = world.fake.asked("ProjectService/CreateComment");
    assert_eq!((asked.org.as_str(), asked.task_id.as_str()), ("acme", "WEB-1"));
    assert_eq!(world.fake.calls("ProjectService/CreateComment")[0].user, Some(ANN));
}

#[tokio::test]
async fn frames_are_answered_in_order_and_bad_ones_do_not_end_it() {
    let world = World::start().await;
    world.relay_what_is_made();
    let mut client = ann_live_on(&world).await;
    let long = json!({"message": "x".repeat(20_001)}).to_string();
    let said = [
        Message::text(r#"{"type":"ping"}"#),
        Message::text(r#"{"message":" \n"}"#),
        Message::text("hello"),
        Message::text(r#"{"message":5}"#),
        Message::binary(br#"{"message":"x"}"#.to_vec()),
        Message::text(long),
        Message::text(r#"{"type":"ping"}"#),
    ];
    for message in said {
        client.raw(message).await;
    }
    let nonsense = r#"{"error":"Failed to process message"}"#;
    for answer in [
        r#"{"type":"pong"}"#,
        r#"{"error":"Message cannot be empty"}"#,
        nonsense,
        nonsense,
        nonsense,
        r#"{"error":"message must be at most 20,000 characters"}"#,
        r#"{"type":"pong"}"#,
    ] {
        assert_eq!(client.text().await, answer);
    }
    client.say(json!({"message": "still here"})).await;
    assert_eq!(client.next().await["content"], "still here");
    client.raw(Message::text(json!({"message": "x".repeat(256 * 1024)}).to_string())).await;
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn what_is_said_before_hanging_up_is_still_done() {
    let world = World::start().await;
    let mut client = ann_on(&world).await;
    for number in 0..3 {
        client.say(json!({"message": number.to_string()})).await;
    }
    client.raw(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))).await;
    assert_eq!(client.closed().await, 1000);
    world.until(|world| made(world) == 3).await;
    world.gateway.shutdown.tasks.close();
    world.gateway.shutdown.tasks.wait().await;
}

#[tokio::test]
async fn without_a_good_token_it_closes_with_4001() {
    let world = World::start().await;
    let expired = token(ANN, session(1), -60);
    for query in ["", "?token=", "?token=nonsense", "?token=%ff", &format!("?token={expired}")] {
        let client = open(&world, &format!("/ws/tasks/acme/WEB-1/comments/{query}")).await;
        assert_eq!(client.closed().await, 4001, "{query}");
    }
    let basic = [("authorization", "Basic abc")];
    let client = Client::at(world.address, "/ws/tasks/acme/WEB-1/comments/", "", &basic).await;
    assert_eq!(client.closed().await, 4001);
    // The token before the task: who is nobody learns nothing.
    assert_eq!(open(&world, "/ws/tasks/nobody/WEB-1/comments/").await.closed().await, 4001);
    // Good for its leeway of 5 s, less three.
    let nearly = token(ANN, session(1), -2);
    let mut client = open(&world, &format!("/ws/tasks/acme/WEB-1/comments/?token={nearly}")).await;
    assert_eq!(client.text().await, WELCOME);
    assert_eq!(client.closed().await, 4001, "expired while it was open");
}

#[tokio::test]
async fn a_logout_closes_it_with_4001() {
    let world = World::start().await;
    let client = ann_on(&world).await;
    world.gateway.sessions.revoke(session(1), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    assert_eq!(client.closed().await, 4001);
    let path = format!("/ws/tasks/acme/WEB-1/comments/?token={}", ann());
    assert_eq!(open(&world, &path).await.closed().await, 4001);
}

#[tokio::test]
async fn without_a_task_that_one_may_see_it_closes_with_4003() {
    let world = World::start().await;
    world.store.delete_task("acme", "WEB-2");
    for path in ["acme/WEB-9", "nobody/WEB-1", "acme/WEB-2", "acme/web", "acme/%ff", "acme/a%2Fb"] {
        let client = open(&world, &format!("/ws/tasks/{path}/comments/?token={}", ann())).await;
        assert_eq!(client.closed().await, 4003, "{path}");
    }
    world.fake.on("ProjectService/OpenTopic", |(), _| Err::<(), _>(Problem::unavailable("Not now.").into()));
    let client = open(&world, &format!("/ws/tasks/acme/WEB-1/comments/?token={}", ann())).await;
    assert_eq!(client.closed().await, 1013);
}

#[tokio::test]
async fn the_end_of_a_membership_closes_it_with_4003() {
    let world = World::start().await;
    let client = ann_on(&world).await;
    world.store.remove(ACME, ANN, true);
    assert_eq!(client.closed().await, 4003);
}

#[tokio::test]
async fn a_membership_that_ended_unheard_closes_it_with_4003() {
    let world = World::start().await;
    let client = ann_on(&world).await;
    world.store.remove(ACME, ANN, false);
    world.store.forget_memberships();
    assert_eq!(client.closed().await, 4003);
}

#[tokio::test]
async fn the_end_of_the_task_closes_it_with_4003() {
    for what in ["task", "project", "organization"] {
        let world = World::start().await;
        let mut client = ann_live_on(&world).await;
        world.comment("WEB-1", "the last one").await;
        match what {
            "task" => world.publish(&world.store.delete_task("acme", "WEB-1")).await,
            "project" => world.publish(&world.store.delete_project("acme", "web")).await,
            _ => {
                assert_eq!(client.next().await["content"], "the last one");
                world.store.delete_organization(ACME);
                assert_eq!(client.closed().await, 4003);
                continue;
            }
        }
        assert_eq!(client.next().await["content"], "the last one", "{what}");
        assert_eq!(client.closed().await, 4003, "{what}");
    }
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_sends_the_client_back_to_the_beginning() {
    let world = World::start().await;
    let client = ann_live_on(&world).await;
    world.store.lock().epoch = uuid::Uuid::now_v7();
    assert_eq!(client.closed().await, 1012);
}

#[tokio::test]
async fn it_counts_as_a_socket_and_closes_when_the_gateway_stops() {
    let world = World::with(Limits { sockets_per_user: 1, ..limits() }, Fast::Off).await;
    let client = ann_on(&world).await;
    let path = format!("/ws/tasks/acme/WEB-1/comments/?token={}", ann());
    assert_eq!(open(&world, &path).await.closed().await, 4429);
    world.gateway.shutdown.closing.cancel();
    world.gateway.shutdown.tasks.close();
    assert_eq!(client.closed().await, 1012);
    world.gateway.shutdown.tasks.wait().await;
}
