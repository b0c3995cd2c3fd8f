//! Clients of the two comment and event protocols: `trellis.v1`, and the original's socket.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::connection::Connection;

/// A client of the full live protocol, `trellis.v1`.
pub struct Socket {
    connection: Connection,
    next_id: u64,
}

/// A client of the original: the comments of one task.
pub struct OriginalSocket {
    connection: Connection,
}

impl Socket {
    /// Signed in by the `Authorization` header.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::open_with(base, Some(token), "trellis.v1").await
    }

    /// Offers `protocols`; an empty string offers none.
    pub async fn open_with(base: &str, token: Option<&str>, protocols: &str) -> Self {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let connection = Connection::open(base, "/api/v1/live", authorization.as_deref(), protocols).await;
        Self { connection, next_id: 1 }
    }

    /// Subscribes and gives the `subscribed` frame.
    pub async fn subscribe(&mut self, topic: &str, after: Option<&str>) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut frame = json!({"type": "subscribe", "id": id, "topic": topic});
        if let Some(after) = after {
            frame["after"] = after.into();
        }
        self.send(frame).await;
        let answer = self.next().await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        assert_eq!(answer["id"], id, "{answer}");
        assert_eq!(answer["topic"], topic, "{answer}");
        answer
    }

    /// The next frame that is not about the place on a quiet topic, which is told now and then.
    pub async fn next_but_positions(&mut self) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] != "position" {
                return frame;
            }
        }
    }

    /// The next event frame, of this kind; anything else in between is a failure.
    pub async fn event(&mut self, kind: &str) -> Value {
        let frame = self.next_but_positions().await;
        assert_eq!(frame["type"], "event", "{frame}");
        assert_eq!(frame["event"]["kind"], kind, "{frame}");
        frame
    }

    /// Nothing is on its way: the answer to a ping is the next frame.
    pub async fn expect_nothing_pending(&mut self) {
        self.send(json!({"type": "ping"})).await;
        let frame = self.next_but_positions().await;
        assert_eq!(frame, json!({"type": "pong"}), "something came before the answer to a ping");
    }
}

impl OriginalSocket {
    /// Without a word said yet; `token` goes into the query, as the original's page puts it.
    pub async fn connect(base: &str, org: &str, task: &str, token: Option<&str>) -> Self {
        let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
        Self { connection: Connection::open(base, &path(org, task, &query), None, "").await }
    }

    /// With an `Authorization` header instead.
    pub async fn connect_with(base: &str, org: &str, task: &str, authorization: &str) -> Self {
        Self { connection: Connection::open(base, &path(org, task, ""), Some(authorization), "").await }
    }

    /// Connected and welcomed.
    pub async fn open(base: &str, org: &str, task: &str, token: &str) -> Self {
        let mut socket = Self::connect(base, org, task, Some(token)).await;
        socket.welcome().await;
        socket
    }

    /// The first frame.
    pub async fn welcome(&mut self) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], "system", "{frame}");
        assert_eq!(frame["message"], "Connected to task comments", "{frame}");
        frame
    }

    /// Comments.
    pub async fn say(&mut self, message: &str) {
        self.send(json!({"message": message})).await;
    }

    /// The next frame, which is a comment with this content and has this shape and nothing more.
    pub async fn comment(&mut self, content: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["content"], content, "{frame}");
        let wanted = json!({
            "id": frame["id"].as_str(), "content": content, "timestamp": frame["timestamp"].as_str(),
            "author": {"id": frame["author"]["id"].as_str(), "email": frame["author"]["email"].as_str(), "name": frame["author"]["name"].as_str()},
            "task_id": frame["task_id"].as_str(),
        });
        assert_eq!(frame, wanted);
        assert!(wanted["id"].is_string() && wanted["author"]["email"].is_string(), "{frame}");
        frame
    }

    /// Nothing is on its way: the answer to a ping is the next frame.
    pub async fn expect_nothing_pending(&mut self) {
        self.send(json!({"type": "ping"})).await;
        let frame = self.next().await;
        assert_eq!(frame, json!({"type": "pong"}), "something came before the answer to a ping");
    }
}

fn path(org: &str, task: &str, query: &str) -> String {
    format!("/ws/tasks/{org}/{task}/comments/{query}")
}

impl Deref for Socket {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Socket {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Deref for OriginalSocket {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for OriginalSocket {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
