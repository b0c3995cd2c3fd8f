//! The messages of `graphql-transport-ws`, and the codes that its sockets close with. Pure.

use std::borrow::Cow;

use async_graphql::{Request, Response, ServerError};
use axum::extract::ws::Utf8Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{auth, graphql::asked, live::Ending};

/// The longest `id`; each is kept while its operation runs.
const LONGEST_ID: usize = 256;
/// What fits a close frame.
const LONGEST_REASON: usize = 123;

/// What a client says.
#[derive(Debug)]
pub enum Said {
    Init(Map<String, Value>),
    Ping(Option<Box<RawValue>>),
    Pong,
    Subscribe { id: String, request: Box<Request> },
    Complete { id: String },
}

/// Why a socket ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Closing {
    /// No message of the protocol.
    NotUnderstood(&'static str),
    Subprotocol,
    /// No `connection_init` in time.
    NoInit,
    SecondInit,
    /// An operation before the connection was acknowledged.
    NotAcknowledged,
    /// The token of the `connection_init` is not good.
    Forbidden,
    /// The id of an operation that still runs.
    InUse(String),
    Ended(Ending),
}

impl From<Ending> for Closing {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

impl Closing {
    /// The code and the reason; `None` where nobody is there to hear it.
    pub fn close(self) -> Option<(u16, Utf8Bytes)> {
        let (code, reason): (u16, Cow<'static, str>) = match self {
            Self::NotUnderstood(reason) => (4400, reason.into()),
            Self::Subprotocol => (4406, "Subprotocol not acceptable".into()),
            Self::NoInit => (4408, "Connection initialisation timeout".into()),
            Self::SecondInit => (4429, "Too many initialisation requests".into()),
            Self::NotAcknowledged => (4401, "Unauthorized".into()),
            Self::Forbidden => (4403, "Forbidden".into()),
            Self::InUse(id) => (4409, in_use(&id).into()),
            // Clients of this protocol come back after 4403, with a fresh token, and do not after 4401.
            Self::Ended(Ending::Expired) => (4403, "the token has expired".into()),
            Self::Ended(Ending::Protocol(reason)) => (1002, reason.into()),
            Self::Ended(ending) => {
                let (code, reason) = ending.close()?;
                (code, reason.into())
            }
        };
        Some((code, reason.into_owned().into()))
    }
}

fn in_use(id: &str) -> String {
    let whole = |id: &str| format!("Subscriber for {id} already exists");
    let room = LONGEST_REASON - whole("").len();
    whole(&id[..id.floor_char_boundary(room)])
}

/// Takes a message apart.
pub fn parse(text: &str) -> Result<Said, Closing> {
    #[derive(Deserialize)]
    struct Message {
        r#type: String,
        id: Option<String>,
        payload: Option<Box<RawValue>>,
    }
    let refuse = |reason| Err(Closing::NotUnderstood(reason));
    let Ok(Message { r#type, id, payload }) = serde_json::from_str(text) else {
        return refuse("Invalid message");
    };
    match r#type.as_str() {
        "connection_init" => match payload.as_deref().map_or(Some(Map::new()), object) {
            Some(payload) => Ok(Said::Init(payload)),
            None => refuse("The payload of 'connection_init' must be an object"),
        },
        "ping" | "pong" if payload.as_deref().is_some_and(|payload| object::<Map<_, _>>(payload).is_none()) => {
            refuse("The payload of 'ping' and 'pong' must be an object")
        }
        "ping" => Ok(Said::Ping(payload)),
        "pong" => Ok(Said::Pong),
        "subscribe" | "complete" => {
            let Some(id) = id.filter(|id| (1..=LONGEST_ID).contains(&id.len())) else {
                return refuse("'id' must be a text of 1 to 256 bytes");
            };
            if r#type == "complete" {
                return Ok(Said::Complete { id });
            }
            match payload.as_deref().map(|payload| asked::from_body(payload.get().as_bytes())) {
                Some(Ok(request)) => Ok(Said::Subscribe { id, request: Box::new(request) }),
                _ => refuse("The payload of 'subscribe' is not a GraphQL request"),
            }
        }
        _ => refuse("Invalid message type"),
    }
}

/// An object, or nothing where it is null; `None` of anything else.
fn object<T: Default + for<'de> Deserialize<'de>>(payload: &RawValue) -> Option<T> {
    match payload.get() {
        "null" => Some(T::default()),
        json if json.starts_with('{') => serde_json::from_str(json).ok(),
        _ => None,
    }
}

/// The token in the payload of a `connection_init`: `{"Authorization": "Bearer …"}` or `{"token": …}`.
pub fn token(payload: &Map<String, Value>) -> Result<Option<String>, Closing> {
    for (name, value) in payload {
        let authorization = name.eq_ignore_ascii_case("authorization");
        if !authorization && name != "token" {
            continue;
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) if text.trim().is_empty() => continue,
            // As of a page that has the scheme ready for a token: nobody is signed in.
            Value::String(text) if authorization && is_scheme(text.trim()) => continue,
            Value::String(text) => text,
            _ => return Err(Closing::Forbidden),
        };
        if !authorization {
            return Ok(Some(text.trim().to_owned()));
        }
        let value = HeaderValue::from_str(text).map_err(|_| Closing::Forbidden)?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        return auth::presented(&headers).map(|token| token.map(str::to_owned)).map_err(|_| Closing::Forbidden);
    }
    Ok(None)
}

fn is_scheme(text: &str) -> bool {
    text.eq_ignore_ascii_case("bearer") || text.eq_ignore_ascii_case("jwt")
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a RawValue>,
    },
    Next {
        id: &'a str,
        payload: &'a Response,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl Frame<'_> {
    fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).expect("responses and checked JSON can be written").into()
    }
}

pub fn acknowledged() -> Utf8Bytes {
    Frame::ConnectionAck.text()
}

pub fn pong(payload: Option<&RawValue>) -> Utf8Bytes {
    Frame::Pong { payload }.text()
}

pub fn next(id: &str, payload: &Response) -> Utf8Bytes {
    Frame::Next { id, payload }.text()
}

/// The end of an operation that was refused or whose stream broke.
pub fn error(id: &str, payload: &[ServerError]) -> Utf8Bytes {
    Frame::Error { id, payload }.text()
}

pub fn complete(id: &str) -> Utf8Bytes {
    Frame::Complete { id }.text()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
