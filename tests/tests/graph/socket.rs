//! `graphql-transport-ws` itself: who is let in, what closes it, and that it takes queries and mutations, too.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trellis_tests::{Connection, GraphSocket, PROTOCOL};

use super::{NO_ACCESS, subscriptions::COMMENTS, world};

#[tokio::test]
async fn a_token_comes_in_connection_init_or_with_the_upgrade() {
    let w = world().await;
    let token = &w.ada.token;
    let me = async |socket: &mut GraphSocket| {
        let id = socket.start("{ me { id } }", json!({})).await;
        assert_eq!(socket.value(&id).await["id"], w.ada.id());
        assert_eq!(socket.end(&id).await, None);
    };
    for payload in [
        json!({"Authorization": format!("Bearer {token}")}),
        json!({"Authorization": format!("JWT {token}")}),
        json!({"token": token}),
    ] {
        me(&mut GraphSocket::open_with(&w.api.base, payload).await).await;
    }
    for path in ["/graphql", "/graphql/"] {
        let header = format!("Bearer {token}");
        let mut socket = Connection::open(&w.api.base, path, Some(&header), PROTOCOL).await;
        assert_eq!(socket.protocol, PROTOCOL);
        socket.send(json!({"type": "connection_init"})).await;
        assert_eq!(socket.next().await["type"], "connection_ack", "{path}");
        socket.send(json!({"id": "a", "type": "subscribe", "payload": {"query": "{ me { id } }"}})).await;
        assert_eq!(socket.next().await["payload"]["data"]["me"]["id"], w.ada.id(), "{path}");
    }
    for payload in [json!({"Authorization": "Bearer nonsense"}), json!({"token": "nonsense"})] {
        let mut socket = GraphSocket::connect(&w.api.base, PROTOCOL).await;
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.close_code().await, 4403, "{payload}");
    }
}

#[tokio::test]
async fn what_is_against_the_protocol_closes_the_socket_with_its_code() {
    let w = world().await;
    let base = &w.api.base;
    let init = json!({"type": "connection_init", "payload": {"token": w.ada.token}});
    let watch = |id: &str| json!({"id": id, "type": "subscribe", "payload": {"query": COMMENTS, "variables": w.task_variables()}});

    for protocols in ["", "graphql-ws", "trellis.v1"] {
        let mut socket = GraphSocket::connect(base, protocols).await;
        assert_eq!(socket.close_code().await, 4406, "{protocols:?}");
    }
    let mut silent = GraphSocket::connect(base, PROTOCOL).await;
    let mut early = GraphSocket::connect(base, PROTOCOL).await;
    early.send(watch("1")).await;
    assert_eq!(early.close_code().await, 4401, "subscribe before the acknowledgement");
    let mut twice = GraphSocket::open(base, &w.ada.token).await;
    twice.send(init).await;
    assert_eq!(twice.close_code().await, 4429, "a second connection_init");
    let mut same = GraphSocket::open(base, &w.ada.token).await;
    same.send(watch("1")).await;
    same.value("1").await;
    same.send(watch("1")).await;
    assert_eq!(same.close_code().await, 4409, "an id in use");
    for text in [
        "nonsense",
        "[]",
        "{}",
        "{\"type\":\"dance\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"id\":\"1\"}",
    ] {
        let mut socket = GraphSocket::open(base, &w.ada.token).await;
        socket.send_raw(Message::text(text)).await;
        assert_eq!(socket.close_code().await, 4400, "{text}");
    }
    let mut large = GraphSocket::open(base, &w.ada.token).await;
    large.send(json!({"type": "ping", "payload": {"padding": "x".repeat(300 * 1024)}})).await;
    assert_eq!(large.close_code().await, 1009);
    assert_eq!(silent.close_code().await, 4408, "no connection_init");
}

#[tokio::test]
async fn it_takes_queries_and_mutations_and_the_same_limits_hold() {
    let w = world().await;
    let mut socket = GraphSocket::open(&w.api.base, &w.ada.token).await;
    let (watching, _) = socket.subscribe(COMMENTS, w.task_variables()).await;
    let mutation = "mutation($org: String!) { createTaskComment(orgSlug: $org, taskId: \"WEB-1\", content: \"Hello\") { success } }";
    let id = socket.start(mutation, json!({"org": w.org})).await;
    // Its answer, its end and the event, in whatever order between the two operations.
    let (mut frames, mut seen) = (Vec::new(), Vec::new());
    while frames.len() + seen.len() < 3 {
        let frame = socket.next().await;
        let of = if frame["id"] == id.as_str() { &mut frames } else { &mut seen };
        of.push(frame);
    }
    assert_eq!(frames[0]["payload"]["data"], json!({"createTaskComment": {"success": true}}));
    assert_eq!((&frames[1]["type"], &seen[0]["id"]), (&json!("complete"), &json!(watching)));
    assert_eq!(seen[0]["payload"]["data"]["taskComments"]["comment"]["content"], "Hello");

    // A refused field stands beside data; what does not run is an error.
    let id = socket.start("{ me { id } projects(orgSlug: \"nothing\") { slug } }", json!({})).await;
    let frame = socket.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("next"), &json!(id)));
    assert_eq!(frame["payload"]["errors"][0]["message"], NO_ACCESS);
    assert_eq!(frame["payload"]["data"], json!({"me": {"id": w.ada.id()}, "projects": null}));
    assert_eq!(socket.end(&id).await, None);
    let aliases = (0..31).map(|n| format!("a{n}: __typename")).collect::<Vec<_>>().join(" ");
    for document in
        ["{ nothing }".to_owned(), "{".to_owned(), format!("{{ {aliases} }}"), "subscription { nothing }".to_owned()]
    {
        let id = socket.start(&document, Value::Null).await;
        let frame = socket.next().await;
        assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!(id)), "{document}: {frame}");
        assert_eq!(frame["payload"][0]["extensions"]["code"], "invalid_request", "{frame}");
    }
    socket.expect_nothing_pending().await;
    // An id is free again when its operation has ended.
    socket.complete(&watching).await;
    socket.send(json!({"id": watching, "type": "subscribe", "payload": {"query": "{ __typename }"}})).await;
    assert_eq!(socket.value(&watching).await, "Query");
}
