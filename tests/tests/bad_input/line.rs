//! A socket of any kind down to its bytes, and those who must not notice what is done with it.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use trellis_tests::{Api, GraphSocket, OriginalSocket, PROTOCOL, Session, Socket};

const PATIENCE: Duration = Duration::from_secs(30);

pub const COMMENTS: &str = "subscription($org: String!, $after: String) {
  taskComments(orgSlug: $org, taskId: \"WEB-1\", after: $after) { cursor kind recovered comment { content } } }";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Full,
    Original,
    Graph,
}

pub const KINDS: [Kind; 3] = [Kind::Full, Kind::Original, Kind::Graph];

/// An organization with WEB-1.
pub struct Place {
    pub ada: Session,
    pub org: String,
}

impl Place {
    pub async fn new(base: &str) -> Self {
        let ada = Api::new(base).register("Ada").await;
        let org = ada.organization().await;
        ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
        ada.task(&org, "WEB", "One").await;
        Self { ada, org }
    }

    pub async fn comment(&self, content: &str) {
        let path = format!("/organizations/{}/tasks/WEB-1/comments", self.org);
        self.ada.post(&path, json!({"content": content})).await.expect(201);
    }

    pub fn topic(&self) -> String {
        format!("task:{}/WEB-1", self.org)
    }
}

/// One who listens by each kind of socket, and must go on hearing everything once.
pub struct Witness {
    full: Socket,
    original: OriginalSocket,
    graph: GraphSocket,
    id: String,
}

impl Witness {
    pub async fn new(place: &Place, base: &str) -> Self {
        let token = &place.ada.token;
        let mut full = Socket::open(base, token).await;
        full.subscribe(&place.topic(), None).await;
        let original = OriginalSocket::open(base, &place.org, "WEB-1", token).await;
        let mut graph = GraphSocket::open(base, token).await;
        let (id, _) = graph.subscribe(COMMENTS, json!({"org": place.org})).await;
        Self { full, original, graph, id }
    }

    pub async fn hears(&mut self, content: &str) {
        assert_eq!(self.full.event("comment.created").await["event"]["data"]["content"], content);
        self.original.comment(content).await;
        assert_eq!(self.graph.event(&self.id, "comment.created").await["comment"]["content"], content);
    }

    pub async fn hears_no_more(&mut self) {
        self.full.expect_nothing_pending().await;
        self.original.expect_nothing_pending().await;
        self.graph.expect_nothing_pending().await;
    }
}

/// One socket of one kind, signed in and past its greetings.
pub struct Line {
    pub kind: Kind,
    stream: WebSocketStream<TcpStream>,
}

impl Line {
    pub async fn open(place: &Place, base: &str, kind: Kind) -> Self {
        Self::open_narrow(place, base, kind, None).await
    }

    /// With so small a buffer for what comes.
    pub async fn open_narrow(place: &Place, base: &str, kind: Kind, buffer: Option<u32>) -> Self {
        let address: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(size) = buffer {
            socket.set_recv_buffer_size(size).unwrap();
        }
        let tcp = socket.connect(address).await.unwrap();
        let original = format!("/ws/tasks/{}/WEB-1/comments/", place.org);
        let (path, protocol) = match kind {
            Kind::Full => ("/api/v1/live", "trellis.v1"),
            Kind::Original => (original.as_str(), ""),
            Kind::Graph => ("/graphql", PROTOCOL),
        };
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {}", place.ada.token).parse().unwrap());
        if !protocol.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        let (stream, _) = client_async(request, tcp).await.unwrap();
        let mut line = Self { kind, stream };
        match kind {
            Kind::Full => {}
            Kind::Original => assert_eq!(line.next().await.unwrap()["type"], "system"),
            Kind::Graph => {
                line.say(json!({"type": "connection_init"})).await;
                assert_eq!(line.next().await.unwrap()["type"], "connection_ack");
            }
        }
        line
    }

    /// Listens to the comments of WEB-1; the original's socket does already. Gives the position where there is one.
    pub async fn listen(&mut self, place: &Place) -> Option<String> {
        match self.kind {
            Kind::Original => None,
            Kind::Full => {
                self.say(json!({"type": "subscribe", "id": 1, "topic": place.topic()})).await;
                self.next().await.unwrap()["cursor"].as_str().map(str::to_owned)
            }
            Kind::Graph => {
                let payload = json!({"query": COMMENTS, "variables": {"org": place.org}});
                self.say(json!({"id": "1", "type": "subscribe", "payload": payload})).await;
                let first = self.next().await.unwrap();
                first["payload"]["data"]["taskComments"]["cursor"].as_str().map(str::to_owned)
            }
        }
    }

    /// Says it where somebody hears it still.
    pub async fn offer(&mut self, message: Message) {
        self.stream.send(message).await.ok();
    }

    pub async fn say(&mut self, frame: Value) {
        self.offer(Message::text(frame.to_string())).await;
    }

    /// The next frame; or why there is none: the code that it is closed with, none where it just ends.
    pub async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing comes") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("frames are JSON")),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Writes these bytes past all that makes frames; gives the code that the server closes with.
    pub async fn code_after(self, bytes: &[u8]) -> Option<u16> {
        let mut tcp = self.stream.into_inner();
        tcp.write_all(bytes).await.unwrap();
        let mut read = Vec::new();
        // The end may come as a reset, since the server leaves unread what it does not want.
        let _ = timeout(PATIENCE, tcp.read_to_end(&mut read)).await.expect("the server closes");
        close_code(&read)
    }
}

/// The code of the close frame among these frames of a server.
fn close_code(mut bytes: &[u8]) -> Option<u16> {
    while let [head, short, rest @ ..] = bytes {
        let (length, rest) = match (*short, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (short, rest) => (usize::from(short), rest),
        };
        if let (0x88, [a, b, ..]) = (*head, rest) {
            return Some(u16::from_be_bytes([*a, *b]));
        }
        bytes = rest.get(length..)?;
    }
    None
}
