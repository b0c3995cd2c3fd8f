//! A client of `graphql-transport-ws`, the subprotocol of `/graphql`.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::connection::Connection;

pub const PROTOCOL: &str = "graphql-transport-ws";

pub struct GraphSocket {
    connection: Connection,
    next_id: u64,
}

impl GraphSocket {
    /// Connected; nothing is said yet. Offers `protocols`; an empty string offers none.
    pub async fn connect(base: &str, protocols: &str) -> Self {
        Self { connection: Connection::open(base, "/graphql", None, protocols).await, next_id: 1 }
    }

    /// Signed in by `connection_init`, and acknowledged.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::open_with(base, json!({"Authorization": format!("Bearer {token}")})).await
    }

    /// With this payload of `connection_init`.
    pub async fn open_with(base: &str, payload: Value) -> Self {
        let mut socket = Self::connect(base, PROTOCOL).await;
        assert_eq!(socket.protocol, PROTOCOL);
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        let frame = socket.next().await;
        assert_eq!(frame["type"], "connection_ack", "{frame}");
        socket
    }

    /// Starts an operation and gives its id.
    pub async fn start(&mut self, document: &str, variables: Value) -> String {
        let id = self.next_id.to_string();
        self.next_id += 1;
        let payload = json!({"query": document, "variables": variables});
        self.send(json!({"id": id, "type": "subscribe", "payload": payload})).await;
        id
    }

    /// The next value of the only field of operation `id`; anything else in between is a failure.
    pub async fn value(&mut self, id: &str) -> Value {
        let frame = self.next().await;
        assert_eq!((&frame["type"], &frame["id"]), (&json!("next"), &json!(id)), "{frame}");
        assert!(frame["payload"].get("errors").is_none(), "{frame}");
        let data = frame["payload"]["data"].as_object().unwrap_or_else(|| panic!("no data: {frame}"));
        assert_eq!(data.len(), 1, "{frame}");
        data.values().next().cloned().unwrap_or_default()
    }

    /// Starts a subscription and gives its id and its first value, which says whether it continues without a gap.
    pub async fn subscribe(&mut self, document: &str, variables: Value) -> (String, Value) {
        let id = self.start(document, variables).await;
        let first = self.value(&id).await;
        assert!(first["recovered"].is_boolean() && first["kind"].is_null(), "{first}");
        assert!(first["cursor"].is_string(), "{first}");
        (id, first)
    }

    /// The next event of operation `id`, of this kind. Frames that only tell the position are passed over.
    pub async fn event(&mut self, id: &str, kind: &str) -> Value {
        loop {
            let value = self.value(id).await;
            if value["kind"].is_null() && value["recovered"].is_null() {
                continue;
            }
            assert_eq!(value["kind"], kind, "{value}");
            return value;
        }
    }

    /// Operation `id` ends, with an error or without: its code and message. Values before it are passed over.
    pub async fn end(&mut self, id: &str) -> Option<(String, String)> {
        let mut told = None;
        loop {
            let frame = self.next().await;
            assert_eq!(frame["id"], id, "{frame}");
            let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {frame}")).to_owned();
            let first = |errors: &Value| (word(&errors[0]["extensions"]["code"]), word(&errors[0]["message"]));
            match frame["type"].as_str() {
                Some("error") => return Some(first(&frame["payload"])),
                Some("complete") => return told,
                Some("next") => told = frame["payload"].get("errors").map(first),
                _ => panic!("wanted the end of {id}, got {frame}"),
            }
        }
    }

    /// The client wants no more of it.
    pub async fn complete(&mut self, id: &str) {
        self.send(json!({"id": id, "type": "complete"})).await;
    }

    /// Nothing is on its way: the answer to a ping is the next frame.
    pub async fn expect_nothing_pending(&mut self) {
        self.send(json!({"type": "ping"})).await;
        let mut frame = self.next().await;
        while is_position(&frame) {
            frame = self.next().await;
        }
        assert_eq!(frame["type"], "pong", "something came before the answer to a ping: {frame}");
    }
}

/// A value of a subscription in which nothing happened but time.
fn is_position(frame: &Value) -> bool {
    let values = frame["payload"]["data"].as_object();
    let only = values.and_then(|values| values.values().next());
    only.is_some_and(|value| value["cursor"].is_string() && value["kind"].is_null() && value["recovered"].is_null())
}

impl Deref for GraphSocket {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for GraphSocket {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
