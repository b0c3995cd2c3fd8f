//! From an HTTP request to a signed-in socket. The upgrade is accepted first, since a browser's script is told close
//! codes but no status; whatever is wrong is then said by one.

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use trellis_authn::User;

use super::{
    connection::Connection,
    frames,
    hub::Hub,
    protocol::{Ending, LARGEST, Refused, Request, SUBPROTOCOL},
    socket::Socket,
    wire::Wire,
};
use crate::{auth, problem::Problem};

/// How a token is offered as a second subprotocol, for browsers, which cannot set a header.
const BEARER: &str = "bearer.";
/// An idle socket has this much for reading; the defaults would be 128 KiB.
const READ_BUFFER: usize = 4096;
/// Frames are written together up to this much. The buffer is only there once something was written.
const WRITE_BUFFER: usize = 16 * 1024;
/// More than this is never in the buffer: the next frame waits until the last ones are written.
const MOST_WRITE_BUFFER: usize = 2 << 20;

/// The upgrade, or the answer to what is none.
pub type Asked = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// What an address answers that speaks WebSocket alone.
pub fn asked(method: &Method, request: Asked) -> Result<WebSocketUpgrade, Box<Response>> {
    // CONNECT is the GET of a socket over HTTP/2 (RFC 8441).
    if method != Method::GET && method != Method::CONNECT {
        let allow = [(header::ALLOW, HeaderValue::from_static("GET"))];
        return Err(Box::new((allow, Problem::status(StatusCode::METHOD_NOT_ALLOWED)).into_response()));
    }
    match request {
        Ok(request) => Ok(bounded(request)),
        Err(_) => Err(Box::new(Problem::invalid_request("This address speaks WebSocket alone.").into_response())),
    }
}

/// The bounds of every socket.
pub fn bounded(request: WebSocketUpgrade) -> WebSocketUpgrade {
    request
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MOST_WRITE_BUFFER)
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST)
}

/// Chooses this subprotocol; `false` where the client does not offer it.
pub fn choose(request: WebSocketUpgrade, protocol: &'static str) -> (WebSocketUpgrade, bool) {
    let mut request = request.protocols([protocol]);
    let known = request.selected_protocol().is_some();
    if !known && let Some(other) = named(&request) {
        // Many clients give up on an answer that chooses nothing, and never hear the close code.
        request.set_selected_protocol(other);
    }
    (request, known)
}

/// `GET /api/v1/live`
pub async fn upgrade(State(hub): State<Hub>, headers: HeaderMap, method: Method, request: Asked) -> Response {
    let request = match asked(&method, request) {
        Ok(request) => request,
        Err(answer) => return *answer,
    };
    let token = offered(&headers, &request);
    let (request, known) = choose(request, SUBPROTOCOL);
    let waited_for = hub.tasks.token();
    request.on_upgrade(move |socket| async move {
        let _waited_for = waited_for;
        serve(hub, socket, known, token).await;
    })
}

/// The token that came with the request, if it is one at all.
fn offered(headers: &HeaderMap, request: &WebSocketUpgrade) -> Option<Result<SecretString, Ending>> {
    match auth::presented(headers) {
        Err(_) => Some(Err(Ending::Token("the Authorization header is not understood"))),
        Ok(Some(token)) => Some(Ok(token.into())),
        Ok(None) => {
            let mut protocols = request.requested_protocols().filter_map(|offered| offered.to_str().ok());
            protocols.find_map(|offered| offered.strip_prefix(BEARER)).map(|token| Ok(token.into()))
        }
    }
}

/// A protocol that the client offers and that is no token.
fn named(request: &WebSocketUpgrade) -> Option<HeaderValue> {
    request.requested_protocols().find(|offered| !offered.as_bytes().starts_with(BEARER.as_bytes())).cloned()
}

async fn serve(hub: Hub, socket: WebSocket, known: bool, token: Option<Result<SecretString, Ending>>) {
    let mut wire = Wire::new(socket, hub.limits.write_within);
    let user = match token {
        _ if !known => Err(Ending::Protocol("offer the subprotocol trellis.v1")),
        Some(token) => token.and_then(|token| verify(&hub, token.expose_secret())),
        None => first_frame(&hub, &mut wire).await,
    };
    let opened = user.and_then(|user| {
        let connection = Connection::open(&hub, Some(&user))?;
        Ok((user, connection))
    });
    match opened {
        Ok((user, connection)) => Box::pin(Socket::new(hub, user, wire, connection).run()).await,
        Err(ending) => wire.close(ending.close()).await,
    }
}

fn verify(hub: &Hub, token: &str) -> Result<User, Ending> {
    Ok(hub.sessions.verify(token)?)
}

/// Waits for `{"type":"auth","token":…}`, the only thing that an unknown client may say.
async fn first_frame(hub: &Hub, wire: &mut Wire) -> Result<User, Ending> {
    let missing = Ending::Token("the first frame must bring a token");
    let frame = async {
        loop {
            match wire.next().await? {
                Message::Text(text) => return Ok(text),
                Message::Binary(_) => return Err(Ending::Protocol("binary frame")),
                Message::Close(_) => return Err(Ending::Gone),
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    };
    let mut restart = hub.restart.clone();
    let must_restart = async { restart.wait_for(|must| *must).await.is_ok() };
    let text = tokio::select! {
        text = timeout(hub.limits.token_within, frame) => text.map_err(|_| Ending::Token("no token came in time"))??,
        true = must_restart => return Err(Ending::Restart),
    };
    match Request::parse(&text) {
        Ok(Request::Auth { id, token }) => {
            let user = verify(hub, &token)?;
            wire.send(Message::Text(frames::authenticated(id.as_deref()))).await?;
            Ok(user)
        }
        Ok(_) | Err(Refused::Invalid { .. }) => Err(missing),
        Err(Refused::NotJson) => Err(Ending::Protocol("not a JSON object")),
    }
}
