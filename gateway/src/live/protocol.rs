//! What a client says: one JSON object a frame, checked before anything is done with it. And how a socket ends.

use serde::Deserialize;

use super::{
    frames::RequestId,
    topic::{BadTopic, Topic},
};
use crate::cursor::Cursor;

/// The subprotocol of the full live protocol.
pub const SUBPROTOCOL: &str = "trellis.v1";
/// The largest message that a client may send.
pub const LARGEST: usize = 256 * 1024;
/// The longest `id` that is given back.
const LONGEST_ID: usize = 256;

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Not this protocol: no JSON object, or another subprotocol.
    Protocol(&'static str),
    /// The token is missing or bad.
    Token(&'static str),
    /// The token has expired.
    Expired,
    /// The session of the token has ended.
    SessionEnded,
    /// No write finished in time; the client can resume with its cursor.
    Slow,
    /// The gateway restarts, or cannot know who may listen.
    Restart,
    TooLarge,
    TooMany,
    /// The client left.
    Gone,
}

impl Ending {
    /// The close code and reason; `None` where nobody is there to hear it.
    pub fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Protocol(reason) => Some((4400, reason)),
            Self::Token(reason) => Some((4401, reason)),
            Self::Expired => Some((4401, "the token has expired")),
            Self::SessionEnded => Some((4401, "the session has ended")),
            Self::Slow => Some((4408, "too slow; resume with the last cursor")),
            Self::Restart => Some((1012, "reconnect and resume")),
            Self::TooLarge => Some((1009, "frame too large")),
            Self::TooMany => Some((4429, "too many sockets")),
            Self::Gone => None,
        }
    }
}

/// A frame that says what it should.
#[derive(Debug)]
pub enum Request {
    Subscribe { id: Option<RequestId>, topic: Topic, spelling: String, after: Option<Cursor> },
    Unsubscribe { id: Option<RequestId>, topic: Topic, spelling: String },
    Auth { id: Option<RequestId>, token: String },
    Ping { id: Option<RequestId> },
}

/// A frame that does not.
#[derive(Debug)]
pub enum Refused {
    /// No JSON object at all: the socket ends.
    NotJson,
    /// An object that makes no sense: an error frame, and the socket goes on.
    Invalid { id: Option<RequestId>, message: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    r#type: String,
    id: Option<RequestId>,
    topic: Option<String>,
    after: Option<String>,
    token: Option<String>,
}

impl Request {
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| not_raw(text, &error))?;
        let Raw { r#type, id, topic, after, token } = raw;
        if id.as_ref().is_some_and(|id| !is_id(id.get())) {
            return Err(Refused::Invalid { id: None, message: "`id` must be a number or a short string.".into() });
        }
        let refuse = |id, message: String| Err(Refused::Invalid { id, message });
        let unexpected = [
            ("topic", topic.is_some(), matches!(r#type.as_str(), "subscribe" | "unsubscribe")),
            ("after", after.is_some(), r#type == "subscribe"),
            ("token", token.is_some(), r#type == "auth"),
        ];
        if !matches!(r#type.as_str(), "subscribe" | "unsubscribe" | "auth" | "ping") {
            return refuse(id, "`type` must be subscribe, unsubscribe, auth or ping.".into());
        }
        if let Some((field, ..)) = unexpected.iter().find(|(_, given, known)| *given && !known) {
            return refuse(id, format!("`{field}` does not belong to `{type}`."));
        }
        match r#type.as_str() {
            "auth" => match token {
                Some(token) => Ok(Self::Auth { id, token }),
                None => refuse(id, "`token` is missing.".into()),
            },
            "ping" => Ok(Self::Ping { id }),
            subscribing => {
                let Some(spelling) = topic else { return refuse(id, "`topic` is missing.".into()) };
                let topic = match Topic::parse(&spelling) {
                    Ok(topic) => topic,
                    Err(bad @ BadTopic) => return refuse(id, bad.to_string()),
                };
                if subscribing == "unsubscribe" {
                    return Ok(Self::Unsubscribe { id, topic, spelling });
                }
                match after.map(|after| after.parse()).transpose() {
                    Ok(after) => Ok(Self::Subscribe { id, topic, spelling, after }),
                    Err(_) => refuse(id, "`after` is not a cursor.".into()),
                }
            }
        }
    }
}

fn is_id(json: &str) -> bool {
    json.len() <= LONGEST_ID && json.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// Why the text is not a frame: no object, or an object that is none of ours.
fn not_raw(text: &str, error: &serde_json::Error) -> Refused {
    #[derive(Deserialize)]
    struct Id {
        id: Option<RequestId>,
    }
    if !matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_))) {
        return Refused::NotJson;
    }
    let id = serde_json::from_str::<Id>(text).ok().and_then(|id| id.id).filter(|id| is_id(id.get()));
    let mut message = error.to_string();
    if let Some(place) = message.rfind(" at line ") {
        message.truncate(place);
    }
    Refused::Invalid { id, message: format!("Not a frame of {SUBPROTOCOL}: {message}.") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use uuid::Uuid;

    use super::*;

    fn invalid(text: &str) -> (Option<String>, String) {
        match Request::parse(text) {
            Err(Refused::Invalid { id, message }) => (id.map(|id| id.get().to_owned()), message),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn frames_are_understood() {
        let cursor = Cursor { epoch: Uuid::from_u128(1), scope: Uuid::from_u128(2), seq: 3 };
        let text = format!(r#"{{"type":"subscribe","id":1.50,"topic":"task:acme/web-1","after":"{cursor}"}}"#);
        let Request::Subscribe { id, topic, spelling, after } = Request::parse(&text).unwrap() else { panic!() };
        assert_eq!(id.unwrap().get(), "1.50");
        assert_eq!(topic, Topic::Task { org: "acme".into(), task_id: "WEB-1".into() });
        assert_eq!(spelling, "task:acme/web-1");
        assert_eq!(after, Some(cursor));
        let text = r#"{"topic":"project:acme/web","type":"unsubscribe","id":"a"}"#;
        assert!(matches!(Request::parse(text), Ok(Request::Unsubscribe { .. })));
        assert!(matches!(Request::parse(r#"{"type":"auth","token":"t"}"#), Ok(Request::Auth { .. })));
        assert!(matches!(Request::parse(r#"{"type":"ping"}"#), Ok(Request::Ping { id: None })));
        let text = r#"{"type":"subscribe","topic":"notifications","id":null,"after":null}"#;
        assert!(matches!(Request::parse(text), Ok(Request::Subscribe { id: None, after: None, .. })));
    }

    #[test]
    fn what_is_no_object_ends_the_socket() {
        for text in ["", "x", "[]", "1", "null", "\"ping\"", "{", "{\"type\":\"ping\"} {}"] {
            assert!(matches!(Request::parse(text), Err(Refused::NotJson)), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_id() {
        for text in [
            r#"{"id":7}"#,
            r#"{"id":7,"type":"jump"}"#,
            r#"{"id":7,"type":1}"#,
            r#"{"id":7,"type":"ping","x":1}"#,
            r#"{"id":7,"type":"ping","topic":"task:a/B-1"}"#,
            r#"{"id":7,"type":"subscribe"}"#,
            r#"{"id":7,"type":"subscribe","topic":"nonsense"}"#,
            r#"{"id":7,"type":"subscribe","topic":"task:a/B-1","after":"nonsense"}"#,
            r#"{"id":7,"type":"subscribe","topic":"task:a/B-1","after":5}"#,
            r#"{"id":7,"type":"unsubscribe","topic":"task:a/B-1","after":"x"}"#,
            r#"{"id":7,"type":"auth"}"#,
        ] {
            assert_eq!(invalid(text).0.as_deref(), Some("7"), "{text}");
        }
        for text in [r#"{"type":"ping","id":{}}"#, r#"{"type":"ping","id":true}"#] {
            assert_eq!(invalid(text).0, None, "{text}");
        }
    }

    #[test]
    fn refusals_do_not_show_where_in_the_text() {
        let (_, message) = invalid(r#"{"type":"ping","x":1}"#);
        assert!(message.contains("unknown field `x`"), "{message}");
        assert!(!message.contains("line"), "{message}");
    }
}
