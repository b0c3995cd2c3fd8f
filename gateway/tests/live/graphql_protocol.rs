//! `graphql-transport-ws` itself: how a connection begins, what may be said on it, and how it ends.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use trellis_gateway::live::Limits;

use crate::{
    client::Client,
    graphql::{ann, signed_in, subscribe},
    store::ANN,
    world::{Fast, World, limits, session, token},
};

const COMMENTS: &str = r#"subscription { taskComments(orgSlug: "acme", taskId: "WEB-1") { cursor kind } }"#;

async fn open(world: &World) -> Client {
    Client::at(world.address, "/graphql", "graphql-transport-ws", &[]).await
}

#[tokio::test]
async fn the_token_comes_in_the_init_or_with_the_upgrade() {
    let world = World::with(limits(), Fast::Off).await;
    let good = token(ANN, session(1), 600);
    let header = format!("Bearer {good}");
    for payload in
        [json!({"Authorization": header}), json!({"authorization": format!("JWT {good}")}), json!({"token": good})]
    {
        let mut client = open(&world).await;
        client.say(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(client.next().await, json!({"type": "connection_ack"}));
        subscribe(&mut client, "a", COMMENTS, None).await;
        assert_eq!(client.next().await["type"], "next");
    }
    let headers = [("authorization", header.as_str())];
    let mut client = Client::at(world.address, "/graphql", "graphql-transport-ws", &headers).await;
    client.say(json!({"type": "connection_init", "payload": {}})).await;
    assert_eq!(client.next().await["type"], "connection_ack");
    subscribe(&mut client, "a", COMMENTS, None).await;
    assert_eq!(client.next().await["type"], "next");

    let expired = token(ANN, session(1), -60);
    for payload in [json!({"token": "nonsense"}), json!({"Authorization": "Basic x"}), json!({"token": expired})] {
        let mut client = open(&world).await;
        client.say(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(client.closed_because().await, (4403, "Forbidden".into()));
    }
    let headers = [("authorization", "Basic x")];
    let mut client = Client::at(world.address, "/graphql", "graphql-transport-ws", &headers).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn what_is_not_of_the_protocol_closes_with_its_code() {
    let world = World::with(Limits { token_within: Duration::from_millis(300), ..limits() }, Fast::Off).await;
    for protocols in ["", "trellis.v1", "graphql-ws"] {
        let client = Client::at(world.address, "/graphql", protocols, &[]).await;
        assert_eq!(client.closed_because().await, (4406, "Subprotocol not acceptable".into()), "{protocols}");
    }
    assert_eq!(open(&world).await.closed_because().await, (4408, "Connection initialisation timeout".into()));
    let subscribe = json!({"type": "subscribe", "id": "a", "payload": {"query": COMMENTS}});
    let init = json!({"type": "connection_init"});
    let hello = Message::text("hello");
    let large = Message::text(format!(r#"{{"type":"ping","payload":{{"x":"{}"}}}}"#, "x".repeat(256 * 1024)));
    let message = |value: &serde_json::Value| Message::text(value.to_string());
    for (messages, code) in [
        (vec![message(&subscribe)], 4401),
        (vec![message(&init), message(&init)], 4429),
        (vec![hello.clone()], 4400),
        (vec![message(&init), hello], 4400),
        (vec![message(&init), Message::binary(b"{}".to_vec())], 4400),
        (vec![message(&init), message(&json!({"type": "subscribe", "id": "a"}))], 4400),
        (vec![message(&init), large], 1009),
    ] {
        let mut client = open(&world).await;
        for message in messages.clone() {
            client.raw(message).await;
        }
        assert_eq!(client.closed().await, code, "{messages:?}");
    }
}

#[tokio::test]
async fn the_subprotocol_is_chosen_among_those_offered() {
    let world = World::with(limits(), Fast::Off).await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let url = format!("ws://{}/graphql", world.address);
    let offered = "graphql-ws, graphql-transport-ws";
    let (_client, chosen) = Client::upgraded(stream, &url, offered, &[]).await;
    assert_eq!(chosen.as_deref(), Some("graphql-transport-ws"));
}

#[tokio::test]
async fn an_id_in_use_closes_and_one_that_was_completed_is_free() {
    let world = World::with(limits(), Fast::Off).await;
    let mut client = ann(&world).await;
    for _ in 0..3 {
        subscribe(&mut client, "a", COMMENTS, None).await;
        assert_eq!(client.next().await["type"], "next");
        client.say(json!({"type": "complete", "id": "a"})).await;
        client.say(json!({"type": "complete", "id": "never there"})).await;
    }
    subscribe(&mut client, "a", COMMENTS, None).await;
    subscribe(&mut client, "a", "{ __typename }", None).await;
    assert_eq!(client.closed_because().await, (4409, "Subscriber for a already exists".into()));
}

#[tokio::test]
async fn queries_are_answered_and_refusals_end_the_operation_alone() {
    let world = World::with(limits(), Fast::Off).await;
    let mut client = ann(&world).await;
    subscribe(&mut client, "sub", COMMENTS, None).await;
    assert_eq!(client.next().await["id"], "sub");
    subscribe(&mut client, "q", "{ __typename }", None).await;
    assert_eq!(client.next().await, json!({"type": "next", "id": "q", "payload": {"data": {"__typename": "Query"}}}));
    assert_eq!(client.next().await, json!({"type": "complete", "id": "q"}));
    for bad in ["{ nothingOfTheKind }", "{", "subscription { taskComments { cursor } }", "query A { a } query B { b }"]
    {
        subscribe(&mut client, "q", bad, None).await;
        let frame = client.next().await;
        assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("q")), "{bad}: {frame}");
        assert_eq!(frame["payload"][0]["extensions"]["code"], "invalid_request");
    }
    // A field that fails is told within the answer.
    let missing = r#"{ task(orgSlug: "nobody", taskId: "WEB-1") { id } }"#;
    subscribe(&mut client, "q", missing, None).await;
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["payload"]["data"]), (&json!("next"), &json!({"task": null})), "{frame}");
    assert_eq!(frame["payload"]["errors"][0]["extensions"]["code"], "not_found");
    assert_eq!(client.next().await["type"], "complete");
    world.store.comment("acme", "WEB-1", "still here");
    assert_eq!(client.next().await["payload"]["data"]["taskComments"]["kind"], "comment.created");
}

#[tokio::test]
async fn pings_are_answered_at_any_time() {
    let world = World::with(limits(), Fast::Off).await;
    let mut client = open(&world).await;
    client.say(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(client.next().await, json!({"type": "pong", "payload": {"n": 1}}));
    client.say(json!({"type": "pong"})).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.next().await["type"], "connection_ack");
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_socket_runs_only_so_many_operations_and_a_user_has_only_so_many_sockets() {
    let few = Limits { subscriptions_per_socket: 2, sockets_per_user: 1, sockets_signed_out: 1, ..limits() };
    let world = World::with(few, Fast::Off).await;
    let mut client = ann(&world).await;
    for id in ["a", "b"] {
        subscribe(&mut client, id, COMMENTS, None).await;
        assert_eq!(client.next().await["type"], "next");
    }
    subscribe(&mut client, "c", COMMENTS, None).await;
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("c")));
    assert_eq!(frame["payload"][0]["extensions"]["code"], "rate_limited");
    client.say(json!({"type": "complete", "id": "a"})).await;
    subscribe(&mut client, "c", COMMENTS, None).await;
    assert_eq!(client.next().await["type"], "next");
    let mut second = open(&world).await;
    second.say(json!({"type": "connection_init", "payload": {"token": token(ANN, session(1), 600)}})).await;
    assert_eq!(second.closed().await, 4429);
    let mut nobody = [open(&world).await, open(&world).await];
    for client in &mut nobody {
        client.say(json!({"type": "connection_init"})).await;
        client.say(json!({"type": "ping"})).await;
    }
    let [mut first, second] = nobody;
    assert_eq!(first.next().await["type"], "connection_ack");
    assert_eq!(second.closed().await, 4429);
}

#[tokio::test]
async fn the_end_of_the_session_and_of_the_token_close_it() {
    let world = World::with(limits(), Fast::Off).await;
    let mut client = ann(&world).await;
    subscribe(&mut client, "a", COMMENTS, None).await;
    client.next().await;
    world.gateway.sessions.revoke(session(1), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    assert_eq!(client.closed().await, 4401);
    // Good for its leeway of 5 s, less three.
    let client = signed_in(&world, &token(ANN, session(2), -2)).await;
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn a_gateway_that_stops_closes_its_sockets() {
    let world = World::with(limits(), Fast::Off).await;
    let unknown = open(&world).await;
    let mut listening = ann(&world).await;
    subscribe(&mut listening, "a", COMMENTS, None).await;
    assert_eq!(listening.next().await["type"], "next");
    world.gateway.shutdown.closing.cancel();
    world.gateway.shutdown.tasks.close();
    for client in [unknown, listening] {
        assert_eq!(client.closed().await, 1012);
    }
    world.gateway.shutdown.tasks.wait().await;
}
