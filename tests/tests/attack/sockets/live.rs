//! The full live protocol, `trellis.v1`.

use serde_json::{Value, json};
use trellis_tests::Connection;

use super::{plain, refused};
use crate::{
    attackers::sign,
    matrix::{Answer, Call, Needs, Outcome, Row},
};

/// As the protocol itself names them: those of an organization.
pub const TOPICS: [&str; 2] = ["task:{org}/{task_id}", "project:{org}/{project}"];
/// Everyone's own.
pub const OWN: &str = "notifications";

/// How a token is brought.
#[derive(Debug, Clone, Copy)]
enum Way {
    Header,
    Subprotocol,
    Frame,
}

const WAYS: [Way; 3] = [Way::Header, Way::Subprotocol, Way::Frame];

pub fn rows() -> Vec<Row> {
    let by_slug = "project:{org}/{project_slug}";
    let topics = TOPICS.into_iter().chain([by_slug]).map(|topic| (topic, Needs::Member));
    let mut rows: Vec<_> = topics
        .chain([(OWN, Needs::User)])
        .flat_map(|(topic, needs)| {
            WAYS.map(|way| {
                let name = format!("live.subscribe {topic} by {way:?}");
                Row::new(name, needs, move |call| subscribe(topic, way, call))
            })
        })
        .collect();
    rows.push(Row::new("live.auth on a running socket", Needs::User, renew));
    rows
}

async fn open(base: &str, way: Way, token: Option<&str>) -> Connection {
    let (header, protocols) = match (way, token) {
        (Way::Header, Some(token)) => (Some(format!("Bearer {token}")), "trellis.v1".to_owned()),
        (Way::Subprotocol, Some(token)) => (None, format!("trellis.v1, bearer.{token}")),
        _ => (None, "trellis.v1".to_owned()),
    };
    let mut connection = Connection::open(base, "/api/v1/live", header.as_deref(), &protocols).await;
    if let (Way::Frame, Some(token)) = (way, token) {
        connection.offer(json!({"type": "auth", "id": "first", "token": token})).await;
    }
    connection
}

/// Subscribes, without waiting to be let in.
async fn subscribe(topic: &'static str, way: Way, call: Call) -> Answer {
    let mut connection = open(&call.world.api.base, way, call.token.as_deref()).await;
    let topic = call.names.fill(topic);
    connection.offer(json!({"type": "subscribe", "id": 1, "topic": topic})).await;
    hear(&mut connection, |frame| match frame["type"].as_str() {
        Some("subscribed") => Some(Outcome::Success),
        Some("error") => Some(refused(&frame["code"])),
        _ => None,
    })
    .await
}

/// On a socket of the same user's, so that nothing but the token itself can be wrong.
async fn renew(call: Call) -> Answer {
    let (world, names) = (&call.world, &call.names);
    let now = crate::attackers::now();
    let claims = json!({
        "iss": "trellis", "aud": "trellis", "sub": names.get("admin_id"), "sid": names.get("session"),
        "jti": uuid::Uuid::new_v4(), "iat": now, "exp": now + 900,
    });
    let good = sign(&world.signing_key, "at+jwt", &claims);
    // Who has no token at all has not this one either.
    let opened = call.token.as_ref().map(|_| good.as_str());
    let mut connection = open(&world.api.base, Way::Header, opened).await;
    connection.offer(json!({"type": "auth", "id": 1, "token": call.token.unwrap_or_default()})).await;
    hear(&mut connection, |frame| match frame["type"].as_str() {
        Some("authenticated") => Some(Outcome::Success),
        Some("error") => Some(refused(&frame["code"])),
        _ => None,
    })
    .await
}

/// Hears the answer, and that nothing more comes; or the end.
async fn hear(connection: &mut Connection, judge: impl Fn(&Value) -> Option<Outcome>) -> Answer {
    let (mut outcome, mut seen) = (None, Vec::new());
    loop {
        match connection.next_or_code().await {
            Ok(frame) if frame["type"] == "pong" => break,
            Ok(frame) => {
                let judged = judge(&frame);
                seen.push(plain(frame).to_string());
                outcome = match (outcome, judged) {
                    (None, Some(judged)) => {
                        connection.offer(json!({"type": "ping"})).await;
                        Some(judged)
                    }
                    (None, None) => None,
                    (Some(before), _) => Some(Outcome::Other(format!("more after {before:?}"))),
                };
            }
            Err(code) => {
                seen.push(code.to_string());
                outcome = Some(if code == 4401 && outcome.is_none() {
                    Outcome::Unauthenticated
                } else {
                    Outcome::Other(format!("closed with {code} after {outcome:?}"))
                });
                break;
            }
        }
    }
    Answer { outcome: outcome.unwrap_or_else(|| Outcome::Other("no answer".to_owned())), seen: seen.join(" ") }
}
