//! What is said on the original's socket, to the letter. Pure.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trellis_proto::project::v1::project_event::Object;
use trellis_rpc::Problem;

use super::ring::Entry;
use crate::{
    graphql::Refusal,
    json::{Person, Time},
};

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Ping,
    Comment(String),
    Blank,
    Nonsense,
}

impl Said {
    pub fn parse(text: &str) -> Self {
        #[derive(Deserialize)]
        struct Frame {
            #[serde(default)]
            r#type: Value,
            #[serde(default)]
            message: Value,
        }
        // A struct may also be written as an array; the original knew objects alone.
        if !text.trim_start().starts_with('{') {
            return Self::Nonsense;
        }
        match serde_json::from_str(text) {
            Ok(Frame { r#type: Value::String(kind), .. }) if kind == "ping" => Self::Ping,
            Ok(Frame { message: Value::Null, .. }) => Self::Blank,
            Ok(Frame { message: Value::String(message), .. }) => {
                if message.trim().is_empty() {
                    Self::Blank
                } else {
                    Self::Comment(message)
                }
            }
            Ok(_) | Err(_) => Self::Nonsense,
        }
    }
}

#[derive(Serialize)]
struct Welcome<'a> {
    r#type: &'static str,
    message: &'static str,
    task_id: &'a str,
}

#[derive(Serialize)]
struct Author<'a> {
    id: &'a str,
    email: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Comment<'a> {
    id: &'a str,
    content: &'a str,
    author: Author<'a>,
    timestamp: Time,
    task_id: &'a str,
}

pub fn welcome(task_id: &str) -> Utf8Bytes {
    text(&Welcome { r#type: "system", message: "Connected to task comments", task_id })
}

pub fn pong() -> Utf8Bytes {
    Utf8Bytes::from_static(r#"{"type":"pong"}"#)
}

pub fn blank() -> Utf8Bytes {
    error("Message cannot be empty")
}

pub fn nonsense() -> Utf8Bytes {
    error("Failed to process message")
}

/// Why a comment was not made.
pub fn refused(mut problem: Problem) -> Utf8Bytes {
    for field in &mut problem.fields {
        // The client knows it by its own name for it.
        if field.field == "content" {
            "message".clone_into(&mut field.field);
        }
    }
    error(&Refusal::from(problem).sentences().join("; "))
}

fn error(sentence: &str) -> Utf8Bytes {
    text(&serde_json::json!({ "error": sentence }))
}

/// The frame of a new comment; `None` of any other event, which the original did not know.
pub fn comment(entry: &Entry) -> Option<Utf8Bytes> {
    let happened = entry.happened().filter(|happened| &*happened.kind == "comment.created")?;
    let Some(Object::Comment(comment)) = &happened.payload.object else { return None };
    let unknown = Person::unknown(&comment.author_id);
    // Who comments is who did it.
    let author = happened.actor.as_ref().filter(|actor| actor.id == comment.author_id).unwrap_or(&unknown);
    Some(text(&Comment {
        id: &comment.id,
        content: &comment.content,
        author: Author { id: &author.id, email: &author.email, name: &author.name },
        timestamp: Time::always(comment.created_at.as_ref()),
        task_id: &comment.task_id,
    }))
}

/// Whether nobody can comment on the task any more.
pub fn is_end(entry: &Entry) -> bool {
    entry.happened().is_some_and(|happened| matches!(&*happened.kind, "task.deleted" | "project.deleted"))
}

fn text(frame: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(frame).expect("strings can be written").into()
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use trellis_proto::project::v1 as wire;
    use trellis_rpc::{Code, Violations};
    use uuid::Uuid;

    use super::{super::ring::Happened, *};
    use crate::cursor::Cursor;

    #[test]
    fn frames_are_understood_as_the_original_did() {
        assert_eq!(Said::parse(r#"{"message":" Hi \u00e9 "}"#), Said::Comment(" Hi é ".into()));
        assert_eq!(Said::parse(r#" {"type":"comment","message":"x","more":[1]}"#), Said::Comment("x".into()));
        assert_eq!(Said::parse(r#"{"type":"ping"}"#), Said::Ping);
        assert_eq!(Said::parse(r#"{"type":"ping","message":"x"}"#), Said::Ping);
        for blank in [r#"{"message":""}"#, "{\"message\":\" \\n\u{3000}\"}", "{}", r#"{"message":null}"#] {
            assert_eq!(Said::parse(blank), Said::Blank, "{blank}");
        }
        for nonsense in
            ["", "hello", "5", "null", "[]", r#"["ping","x"]"#, "{", r#"{"message":5}"#, r#"{"message":["x"]}"#]
        {
            assert_eq!(Said::parse(nonsense), Said::Nonsense, "{nonsense}");
        }
    }

    #[test]
    fn what_is_said_is_the_originals_to_the_letter() {
        assert_eq!(
            welcome("WEB-1").as_str(),
            r#"{"type":"system","message":"Connected to task comments","task_id":"WEB-1"}"#
        );
        assert_eq!(blank().as_str(), r#"{"error":"Message cannot be empty"}"#);
        assert_eq!(nonsense().as_str(), r#"{"error":"Failed to process message"}"#);
    }

    #[test]
    fn a_refusal_names_the_field_as_the_client_does() {
        let mut violations = Violations::new();
        violations.push("content", "too_long", "must be at most 20,000 characters");
        let problem = violations.finish().err();
        let shown = problem.map(refused);
        assert_eq!(shown.as_deref(), Some(r#"{"error":"message must be at most 20,000 characters"}"#));
        let gone = refused(Problem::not_found("task"));
        assert_eq!(gone.as_str(), r#"{"error":"Task not found"}"#);
        let away = refused(Problem::new(Code::Unavailable, "Please try again."));
        assert_eq!(away.as_str(), r#"{"error":"Please try again."}"#);
    }

    fn entry(kind: &str, actor: Option<Person>) -> Entry {
        let comment = wire::Comment {
            id: "c1".into(),
            task_id: "WEB-1".into(),
            content: "Hi".into(),
            author_id: "u2".into(),
            created_at: Some(Timestamp { seconds: 1_769_851_800, nanos: 5_000_000 }),
            edited_at: None,
        };
        let payload = wire::ProjectEvent { object: Some(Object::Comment(comment)), changes: Vec::new() };
        let at = Cursor { epoch: Uuid::nil(), scope: Uuid::nil(), seq: 1 };
        Entry::new(at, None, 0, "{}".into()).about(Happened { kind: kind.into(), actor, occurred_at: None, payload }, 0)
    }

    #[test]
    fn a_comment_has_its_fields_in_their_order() {
        let bob = Person { id: "u2".into(), name: "Bob".into(), email: "bob@example.org".into() };
        let expected = concat!(
            r#"{"id":"c1","content":"Hi","author":{"id":"u2","email":"bob@example.org","name":"Bob"},"#,
            r#""timestamp":"2026-01-31T09:30:00.005Z","task_id":"WEB-1"}"#
        );
        assert_eq!(comment(&entry("comment.created", Some(bob))).as_deref(), Some(expected));
        assert!(comment(&entry("comment.updated", None)).is_none());
        assert!(!is_end(&entry("comment.deleted", None)) && is_end(&entry("project.deleted", None)));
    }
}
