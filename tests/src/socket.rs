//! A client of the full live protocol, `trellis.v1`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Socket {
    /// Signed in by the `Authorization` header.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::open_with(base, Some(token), "trellis.v1").await
    }

    /// Offers `protocols`; an empty string offers none.
    pub async fn open_with(base: &str, token: Option<&str>, protocols: &str) -> Self {
        let url = format!("{}/api/v1/live", base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("the URL is right");
        let header = |value: &str| HeaderValue::from_str(value).expect("the header is right");
        if !protocols.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", header(protocols));
        }
        if let Some(token) = token {
            request.headers_mut().insert("authorization", header(&format!("Bearer {token}")));
        }
        let (stream, _) = connect_async(request).await.expect("the upgrade is accepted");
        Self { stream, next_id: 1 }
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket is open");
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("frames are JSON"),
            other => panic!("wanted a frame, got {other:?}"),
        }
    }

    /// The code that the server closes with; frames before it are passed over.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("wanted a close frame, got {other:?}"),
            }
        }
    }

    /// Whether the connection is gone, in whatever way.
    pub async fn is_gone(&mut self) -> bool {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing came in time") {
                None | Some(Err(_) | Ok(Message::Close(_))) => return true,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await.expect("nothing came in time");
            match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(error)) => panic!("the connection broke: {error}"),
                None => return None,
            }
        }
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

    /// The next event frame, of this kind; anything else in between is a failure.
    pub async fn event(&mut self, kind: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], "event", "{frame}");
        assert_eq!(frame["event"]["kind"], kind, "{frame}");
        frame
    }

    /// Nothing is on its way: the answer to a ping is the next frame.
    pub async fn expect_nothing_pending(&mut self) {
        self.send(json!({"type": "ping"})).await;
        let frame = self.next().await;
        assert_eq!(frame, json!({"type": "pong"}), "something came before the answer to a ping");
    }
}
