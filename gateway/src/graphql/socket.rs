//! `graphql-transport-ws` (the protocol of the npm package `graphql-ws`): subscriptions, queries and mutations over one
//! WebSocket.
//!
//! The upgrade is accepted first, and whatever is wrong is then said by a close code, as on the live sockets, whose
//! wire, clock and registry this one shares.

pub(super) mod message;
mod operations;

use std::convert::Infallible;

use async_graphql::{ErrorExtensionValues, ServerError};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
};
use futures_util::FutureExt;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use trellis_authn::{TokenError, User};
use trellis_proto::identity::v1::ClientInfo;
use trellis_rpc::{Code, Problem};

use self::{
    message::{Closing, Said},
    operations::Operations,
};
use super::{Viewer, http::Served};
use crate::{
    auth,
    client_address::Client,
    limits::Network,
    live::{Connection, Ending, Told, Wire, bounded, choose},
};

/// The subprotocol.
pub const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Operations that may begin at once; the next one is not read until there is room.
const PIPELINE: usize = 16;
/// What is written together: so many frames, or about so many bytes.
const MOST_FRAMES: usize = 256;
const MOST_BYTES: usize = 256 * 1024;

/// A token, where one was presented that is understood.
type Presented = Result<Option<SecretString>, Closing>;

/// An upgrade of `/graphql`.
#[expect(clippy::unused_async, reason = "a handler")]
pub async fn upgrade(
    State(served): State<Served>,
    headers: HeaderMap,
    Client(client): Client,
    request: WebSocketUpgrade,
) -> Response {
    let token = auth::presented(&headers).map(|token| token.map(Into::into)).map_err(|_| Closing::Forbidden);
    let (request, known) = choose(bounded(request), SUBPROTOCOL);
    let waited_for = served.hub.tasks.token();
    request.on_upgrade(move |socket| async move {
        let _waited_for = waited_for;
        Box::pin(serve(served, socket, known, token, client)).await;
    })
}

async fn serve(served: Served, socket: WebSocket, known: bool, token: Presented, client: ClientInfo) {
    let mut wire = Wire::new(socket, served.hub.limits.write_within);
    let opened = if known { open(&served, &mut wire, token).await } else { Err(Closing::Subprotocol) };
    let closing = match opened {
        Ok((connection, token)) => {
            let operations = Operations::default();
            let mut socket = Socket { served, client, token, wire, connection, operations };
            let Err(closing) = socket.run().await;
            wire = socket.wire;
            closing
        }
        Err(closing) => closing,
    };
    let closing = closing.close();
    // The reason may name what the client chose.
    tracing::debug!(code = closing.as_ref().map(|(code, _)| *code), "a GraphQL socket ends");
    wire.close(closing).await;
}

/// Waits for the `connection_init`, and finds out who it is.
async fn open(
    served: &Served,
    wire: &mut Wire,
    token: Presented,
) -> Result<(Connection, Option<SecretString>), Closing> {
    let hub = &served.hub;
    let mut restart = hub.restart.clone();
    let must_restart = async { restart.wait_for(|must| *must).await.is_ok() };
    let payload = tokio::select! {
        init = timeout(hub.limits.token_within, init(wire)) => init.map_err(|_| Closing::NoInit)??,
        true = must_restart => return Err(Ending::Restart.into()),
    };
    let token = match message::token(&payload)? {
        Some(token) => Some(token.into()),
        None => token?,
    };
    let verified = token.as_ref().map(|token: &SecretString| hub.sessions.verify(token.expose_secret()));
    let user: Option<User> = verified.transpose().map_err(|error| match error {
        TokenError::Unknown => error.into(),
        TokenError::Invalid | TokenError::Expired | TokenError::Revoked => Closing::Forbidden,
    })?;
    let connection = Connection::open(hub, user.as_ref())?;
    Ok((connection, token))
}

impl From<TokenError> for Closing {
    fn from(error: TokenError) -> Self {
        Self::Ended(error.into())
    }
}

async fn init(wire: &mut Wire) -> Result<serde_json::Map<String, serde_json::Value>, Closing> {
    loop {
        let Some(text) = text(wire.next().await?)? else { continue };
        match message::parse(&text)? {
            Said::Init(payload) => return Ok(payload),
            Said::Ping(payload) => wire.send(Message::Text(message::pong(payload.as_deref()))).await?,
            Said::Subscribe { .. } => return Err(Closing::NotAcknowledged),
            Said::Pong | Said::Complete { .. } => {}
        }
    }
}

/// The text of a message; `None` of one that says nothing.
fn text(message: Message) -> Result<Option<Utf8Bytes>, Closing> {
    match message {
        Message::Text(text) => Ok(Some(text)),
        Message::Binary(_) => Err(Closing::NotUnderstood("Only text messages are understood")),
        Message::Ping(_) | Message::Pong(_) => Ok(None),
        Message::Close(_) => Err(Ending::Gone.into()),
    }
}

/// A connection that is acknowledged.
struct Socket {
    served: Served,
    client: ClientInfo,
    token: Option<SecretString>,
    wire: Wire,
    connection: Connection,
    operations: Operations,
}

impl Socket {
    async fn run(&mut self) -> Result<Infallible, Closing> {
        self.say(message::acknowledged()).await?;
        loop {
            self.flush().await?;
            tokio::select! {
                biased;
                told = self.connection.next() => {
                    if told? == (Told::Tick { ping: true }) {
                        self.put(Message::Ping(bytes::Bytes::new())).await?;
                    }
                }
                message = self.wire.next(), if self.operations.starting() < PIPELINE => self.hear(message?).await?,
                frame = self.operations.next() => self.say(frame).await?,
            }
            // Whatever else is there, with the next write.
            let (mut frames, mut bytes) = (0, 0);
            while frames < MOST_FRAMES
                && bytes < MOST_BYTES
                && let Some(frame) = self.operations.next().now_or_never()
            {
                frames += 1;
                bytes += frame.len();
                self.say(frame).await?;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Closing> {
        self.connection.heard();
        let Some(text) = text(message)? else { return Ok(()) };
        match message::parse(&text)? {
            Said::Init(_) => Err(Closing::SecondInit),
            Said::Ping(payload) => self.say(message::pong(payload.as_deref())).await,
            Said::Pong => Ok(()),
            Said::Complete { id } => {
                self.operations.complete(&id);
                Ok(())
            }
            Said::Subscribe { id, .. } if self.operations.has(&id) => Err(Closing::InUse(id)),
            Said::Subscribe { id, .. } if self.operations.len() >= self.served.hub.limits.subscriptions_per_socket => {
                self.say(message::error(&id, &[refusal(&too_many())])).await
            }
            Said::Subscribe { id, request } => {
                // An operation is a request, whatever it comes by.
                if let Err(limited) = self.served.app.limits.request(Network::from(&self.client)) {
                    return self.say(message::error(&id, &[refusal(&limited.into())])).await;
                }
                let token = self.token.as_ref().map(ExposeSecret::expose_secret);
                let viewer = Viewer::new(self.served.app.clone(), token, self.client.clone(), None);
                self.operations.start(&id, self.served.executor.stream(viewer, *request));
                Ok(())
            }
        }
    }

    async fn say(&mut self, frame: Utf8Bytes) -> Result<(), Closing> {
        self.put(Message::Text(frame)).await
    }

    /// Puts a message on the wire, when that takes one. What ends the session meanwhile is heard.
    async fn put(&mut self, message: Message) -> Result<(), Closing> {
        loop {
            tokio::select! {
                biased;
                told = self.connection.rights() => drop(told?),
                ready = self.wire.ready() => break ready?,
            }
        }
        Ok(self.wire.put(message)?)
    }

    async fn flush(&mut self) -> Result<(), Closing> {
        loop {
            tokio::select! {
                biased;
                told = self.connection.rights() => drop(told?),
                flushed = self.wire.flush() => return Ok(flushed?),
            }
        }
    }
}

fn too_many() -> Problem {
    Problem::new(Code::RateLimited, "This socket runs too many operations; use another one.")
}

fn refusal(problem: &Problem) -> ServerError {
    let mut error = ServerError::new(&problem.detail, None);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", problem.code.as_str());
    error.extensions = Some(extensions);
    error
}
