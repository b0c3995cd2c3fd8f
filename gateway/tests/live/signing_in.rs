//! The ways to bring a token, and what is said without one.

use std::time::Duration;

use serde_json::json;
use trellis_gateway::live::Limits;

use crate::{
    client::Client,
    store::{ANN, BOB},
    world::{Fast, World, limits, session, token},
};

fn ann() -> String {
    token(ANN, session(1), 600)
}

#[tokio::test]
async fn a_token_comes_in_the_header_or_as_a_subprotocol_or_in_the_first_frame() {
    let world = World::start().await;
    let ways = [
        ("trellis.v1", Some(format!("Bearer {}", ann()))),
        ("trellis.v1", Some(format!("JWT {}", ann()))),
        (&format!("trellis.v1, bearer.{}", ann()), None),
        (&format!("bearer.{}, trellis.v1", ann()), None),
    ];
    for (protocols, header) in &ways {
        let headers: Vec<_> = header.iter().map(|header| ("authorization", header.as_str())).collect();
        let mut client = Client::open(world.address, protocols, &headers).await;
        client.subscribe("task:acme/WEB-1", None).await;
    }
    let mut client = Client::open(world.address, "trellis.v1", &[]).await;
    client.say(json!({"type": "auth", "id": "x", "token": ann()})).await;
    assert_eq!(client.next().await, json!({"type": "authenticated", "id": "x"}));
    client.subscribe("task:acme/WEB-1", None).await;
}

#[tokio::test]
async fn without_the_subprotocol_nothing_is_spoken() {
    let world = World::start().await;
    let header = format!("Bearer {}", ann());
    for protocols in ["", "graphql-transport-ws"] {
        let client = Client::open(world.address, protocols, &[("authorization", &header)]).await;
        assert_eq!(client.closed().await, 4400);
    }
}

#[tokio::test]
async fn a_bad_token_ends_the_socket() {
    let world = World::start().await;
    let expired = token(ANN, session(1), -60);
    for header in ["Bearer nonsense", "Basic abc", &format!("Bearer {expired}")] {
        let client = Client::open(world.address, "trellis.v1", &[("authorization", header)]).await;
        assert_eq!(client.closed().await, 4401, "{header}");
    }
    let client = Client::open(world.address, "trellis.v1, bearer.nonsense", &[]).await;
    assert_eq!(client.closed().await, 4401);
    for frame in [json!({"type": "auth", "token": expired}), json!({"type": "auth"}), json!({"type": "ping"})] {
        let mut client = Client::open(world.address, "trellis.v1", &[]).await;
        client.say(frame).await;
        assert_eq!(client.closed().await, 4401);
    }
}

#[tokio::test]
async fn a_token_that_does_not_come_ends_the_socket() {
    let world = World::with(Limits { token_within: Duration::from_millis(50), ..limits() }, Fast::Off).await;
    let client = Client::open(world.address, "trellis.v1", &[]).await;
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_fresh_token_keeps_the_socket() {
    let world = World::start().await;
    // Good for its leeway of 5 s, less two.
    let mut client = Client::with_token(world.address, &token(ANN, session(1), -3)).await;
    client.subscribe("task:acme/WEB-1", None).await;
    client.say(json!({"type": "auth", "id": 3, "token": token(ANN, session(2), 600)})).await;
    assert_eq!(client.next().await, json!({"type": "authenticated", "id": 3}));
    let until = Client::with_token(world.address, &token(ANN, session(1), -3)).await;
    assert_eq!(until.closed().await, 4401, "expired while it was open");
    // The first one outlived the time of its first token, and the end of its first session.
    world.gateway.sessions.revoke(session(1), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    world.comment("WEB-1", "still here").await;
    assert_eq!(client.texts(1).await, ["still here"]);
    client.say(json!({"type": "auth", "token": token(ANN, session(1), 600)})).await;
    assert_eq!(client.closed().await, 4401, "that session has ended");
}

#[tokio::test]
async fn a_token_of_another_user_ends_the_socket() {
    let world = World::start().await;
    let mut client = world.ann().await;
    client.say(json!({"type": "auth", "token": token(BOB, session(2), 600)})).await;
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_user_has_only_so_many_sockets() {
    let world = World::with(Limits { sockets_per_user: 2, ..limits() }, Fast::Off).await;
    let mut first = world.ann_at("task:acme/WEB-1").await;
    let second = world.ann().await;
    assert_eq!(world.ann().await.closed().await, 4429);
    Client::with_token(world.address, &token(BOB, session(2), 600)).await.subscribe("task:acme/WEB-1", None).await;
    drop(second);
    first.hears_nothing().await;
    // The place is free as soon as the gateway has noticed.
    let mut places = 0;
    while places == 0 {
        let mut client = world.ann().await;
        client.say(json!({"type": "ping"})).await;
        places += usize::from(client.first_is("pong").await);
    }
}
