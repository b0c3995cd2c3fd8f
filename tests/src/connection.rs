//! What all WebSocket clients have alike: frames of JSON, and the code that ends it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that the server chose; empty where none.
    pub protocol: String,
}

impl Connection {
    /// `path` with its query; offers `protocols`, none where that is empty.
    pub async fn open(base: &str, path: &str, authorization: Option<&str>, protocols: &str) -> Self {
        let url = format!("{}{path}", base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("the URL is right");
        let header = |value: &str| HeaderValue::from_str(value).expect("the header is right");
        if !protocols.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", header(protocols));
        }
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", header(authorization));
        }
        let (stream, response) = connect_async(request).await.expect("the upgrade is accepted");
        let chosen = response.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
        Self { stream, protocol: chosen.unwrap_or_default().to_owned() }
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket is open");
    }

    /// Says it, if anybody listens still.
    pub async fn offer(&mut self, frame: Value) {
        self.stream.send(Message::text(frame.to_string())).await.ok();
    }

    /// The next frame, or the code that the server closes with.
    pub async fn next_or_code(&mut self) -> Result<Value, u16> {
        match self.message().await {
            Some(Message::Text(text)) => Ok(serde_json::from_str(&text).expect("frames are JSON")),
            Some(Message::Close(Some(frame))) => Err(frame.code.into()),
            other => panic!("wanted a frame or a close frame, got {other:?}"),
        }
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
}
