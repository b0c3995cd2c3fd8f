//! The socket of the system that Trellis replaces: listening to the comments of a task, and commenting.

use serde_json::json;
use trellis_tests::Connection;

use super::plain;
use crate::matrix::{Answer, Call, Needs, Outcome, Row};

/// What is said on it.
const WORD: &str = "Said on a socket";

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (way, in_header) in [("query", false), ("header", true)] {
        for (what, says) in [("listen", false), ("comment", true)] {
            let name = format!("ws.{what} by {way}");
            rows.push(Row::new(name, Needs::Member, move |call| attempt(in_header, says, call)));
        }
    }
    rows
}

/// Whoever says something does not wait to be let in.
async fn attempt(in_header: bool, says: bool, call: Call) -> Answer {
    let mut path = call.names.fill("/ws/tasks/{org}/{task_id}/comments/");
    let header = call.token.as_ref().filter(|_| in_header).map(|token| format!("JWT {token}"));
    if let (false, Some(token)) = (in_header, &call.token) {
        path = format!("{path}?token={token}");
    }
    let mut connection = Connection::open(&call.world.api.base, &path, header.as_deref(), "").await;
    if says {
        connection.offer(json!({"message": WORD})).await;
    }
    connection.offer(json!({"type": "ping"})).await;
    let (mut outcome, mut seen) = (None, Vec::new());
    let mut ponged = false;
    // A comment comes back when it comes back, before the pong or after it.
    while !ponged || (says && outcome.is_none()) {
        match connection.next_or_code().await {
            Ok(frame) => {
                ponged |= frame["type"] == "pong";
                let done = if says { frame["content"] == WORD } else { frame["type"] == "system" };
                outcome = outcome.or(done.then_some(Outcome::Success));
                seen.push(plain(frame).to_string());
            }
            Err(code) => {
                outcome = Some(match (code, seen.is_empty()) {
                    (4001, true) => Outcome::Unauthenticated,
                    (4003, true) => Outcome::NotFound,
                    _ => Outcome::Other(format!("closed with {code} after {seen:?}")),
                });
                seen.push(code.to_string());
                break;
            }
        }
    }
    Answer { outcome: outcome.unwrap_or_else(|| Outcome::Other("no answer".to_owned())), seen: seen.join(" ") }
}
