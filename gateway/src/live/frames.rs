//! What the server says, as text. Every frame of the protocol is built here.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use trellis_rpc::{Code, Problem};

use crate::cursor::Cursor;

/// A client's own name for a request: any JSON number or string, given back as it came.
pub type RequestId = Box<RawValue>;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    Subscribed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        topic: &'a str,
        cursor: &'a str,
        recovered: bool,
    },
    Unsubscribed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        topic: &'a str,
    },
    Authenticated {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
    },
    Position {
        topic: &'a str,
        cursor: &'a str,
    },
    Revoked {
        topic: &'a str,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        code: &'a str,
        message: &'a str,
    },
}

impl Frame<'_> {
    fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).expect("strings, numbers and checked JSON can be written").into()
    }
}

pub fn subscribed(id: Option<&RawValue>, topic: &str, at: Cursor, recovered: bool) -> Utf8Bytes {
    Frame::Subscribed { id, topic, cursor: &at.to_string(), recovered }.text()
}

pub fn unsubscribed(id: Option<&RawValue>, topic: &str) -> Utf8Bytes {
    Frame::Unsubscribed { id, topic }.text()
}

pub fn authenticated(id: Option<&RawValue>) -> Utf8Bytes {
    Frame::Authenticated { id }.text()
}

pub fn pong(id: Option<&RawValue>) -> Utf8Bytes {
    Frame::Pong { id }.text()
}

pub fn position(topic: &str, at: Cursor) -> Utf8Bytes {
    Frame::Position { topic, cursor: &at.to_string() }.text()
}

pub fn revoked(topic: &str) -> Utf8Bytes {
    Frame::Revoked { topic }.text()
}

pub fn error(id: Option<&RawValue>, code: Code, message: &str) -> Utf8Bytes {
    Frame::Error { id, code: code.as_str(), message }.text()
}

pub fn problem(id: Option<&RawValue>, problem: &Problem) -> Utf8Bytes {
    error(id, problem.code, &problem.detail)
}

/// The frame of an event whose `event` object is already JSON.
pub fn event(topic: &str, at: Cursor, event: &str) -> Utf8Bytes {
    let topic = serde_json::Value::from(topic);
    format!(r#"{{"type":"event","topic":{topic},"cursor":"{at}","event":{event}}}"#).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const AT: Cursor = Cursor { epoch: Uuid::from_u128(1), scope: Uuid::from_u128(2), seq: 3 };

    fn json(frame: &Utf8Bytes) -> Value {
        serde_json::from_str(frame).unwrap()
    }

    #[test]
    fn frames_are_those_of_the_contract() {
        let id: RequestId = serde_json::from_str("7").unwrap();
        let at = AT.to_string();
        assert_eq!(
            json(&subscribed(Some(&id), "task:a/B-1", AT, true)),
            json!({"type": "subscribed", "id": 7, "topic": "task:a/B-1", "cursor": at, "recovered": true})
        );
        assert_eq!(
            json(&subscribed(None, "t", AT, false)),
            json!({"type": "subscribed", "topic": "t", "cursor": at, "recovered": false})
        );
        assert_eq!(json(&unsubscribed(Some(&id), "t")), json!({"type": "unsubscribed", "id": 7, "topic": "t"}));
        assert_eq!(json(&authenticated(Some(&id))), json!({"type": "authenticated", "id": 7}));
        assert_eq!(json(&pong(None)), json!({"type": "pong"}));
        assert_eq!(json(&position("t", AT)), json!({"type": "position", "topic": "t", "cursor": at}));
        assert_eq!(json(&revoked("t")), json!({"type": "revoked", "topic": "t"}));
    }

    #[test]
    fn an_event_takes_the_topic_as_it_was_written() {
        assert_eq!(
            json(&event("task:a/\"x\"", AT, r#"{"id":1}"#)),
            json!({"type": "event", "topic": "task:a/\"x\"", "cursor": AT.to_string(), "event": {"id": 1}})
        );
    }
}
