//! A WebSocket client that says what it expects.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Opens a socket with these headers; the protocols as they are offered.
    pub async fn open(address: SocketAddr, protocols: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), address, protocols, headers).await
    }

    /// Opens a socket of another kind.
    pub async fn at(address: SocketAddr, path: &str, protocols: &str, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::upgraded(stream, &format!("ws://{address}{path}"), protocols, headers).await.0
    }

    pub async fn over(
        stream: TcpStream,
        address: SocketAddr,
        protocols: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let (client, chosen) = Self::upgraded(stream, &format!("ws://{address}/api/v1/live"), protocols, headers).await;
        assert!(chosen.as_ref().is_none_or(|chosen| !chosen.starts_with("bearer.")), "a token is never given back");
        assert_eq!(chosen.as_deref() == Some("trellis.v1"), protocols.contains("trellis.v1"));
        client
    }

    /// The client, and the subprotocol that was chosen.
    pub async fn upgraded(
        stream: TcpStream,
        url: &str,
        protocols: &str,
        headers: &[(&'static str, &str)],
    ) -> (Self, Option<String>) {
        let mut request = url.into_client_request().unwrap();
        if !protocols.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, response) = client_async(request, stream).await.unwrap();
        let chosen = response.headers().get("sec-websocket-protocol").map(|chosen| chosen.to_str().unwrap().to_owned());
        (Self { socket }, chosen)
    }

    pub async fn with_token(address: SocketAddr, token: &str) -> Self {
        Self::open(address, "trellis.v1", &[("authorization", &format!("Bearer {token}"))]).await
    }

    pub async fn say(&mut self, frame: Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("nothing comes");
            match message.expect("the socket ended").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next frame, to the letter.
    pub async fn text(&mut self) -> String {
        match self.message().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The next frame, which must be an event; gives its text and cursor.
    pub async fn event(&mut self) -> (String, String) {
        let frame = self.next().await;
        assert_eq!(frame["type"], "event", "{frame}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&frame["event"]["data"]["content"]), text(&frame["cursor"]))
    }

    /// The texts of the next events.
    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.event().await.0);
        }
        texts
    }

    /// Subscribes, and gives the answer.
    pub async fn subscribe(&mut self, topic: &str, after: Option<&str>) -> Value {
        let mut frame = json!({"type": "subscribe", "id": topic, "topic": topic});
        if let Some(after) = after {
            frame["after"] = after.into();
        }
        self.say(frame).await;
        let answer = self.next().await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        assert_eq!((&answer["id"], &answer["topic"]), (&topic.into(), &topic.into()));
        answer
    }

    /// Nothing was sent that this client has not read: the answer to a ping is next.
    pub async fn hears_nothing(&mut self) {
        self.say(json!({"type": "ping"})).await;
        assert_eq!(self.next().await, json!({"type": "pong"}));
    }

    /// Whether the next thing is a frame of this type, and not the end.
    pub async fn first_is(&mut self, r#type: &str) -> bool {
        match self.message().await {
            Message::Text(text) => serde_json::from_str::<Value>(&text).unwrap()["type"] == r#type,
            _ => false,
        }
    }

    /// Reads whatever still comes, until the close; gives its code.
    pub async fn closed(self) -> u16 {
        self.closed_because().await.0
    }

    /// As `closed`, with the reason.
    pub async fn closed_because(mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.message().await {
                let frame = frame.expect("a close has a code");
                return (CloseCode::into(frame.code), frame.reason.to_string());
            }
        }
    }

    /// The next events until the connection ends in whatever way.
    pub async fn drain(mut self) -> Vec<(String, String)> {
        let mut events = Vec::new();
        while let Some(Ok(message)) = timeout(PATIENCE, self.socket.next()).await.expect("nothing comes") {
            if let Message::Text(text) = message {
                let frame: Value = serde_json::from_str(&text).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                events.push((text(&frame["event"]["data"]["content"]), text(&frame["cursor"])));
            }
        }
        events
    }
}
