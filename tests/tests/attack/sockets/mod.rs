//! The sockets: each kind, each way to bring a token, each thing that can be listened to or said.

mod graph;
mod hearing;
mod live;
mod original;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trellis_tests::Socket;

use crate::{
    matrix::{Needs, Outcome, Row},
    world::{self, World},
};

/// A row per topic, subscription or frame, and way to bring the token.
pub async fn rows(world: &World) -> Vec<Row> {
    let mut rows = live::rows();
    rows.extend(original::rows());
    rows.extend(graph::rows(world).await);
    rows
}

/// By the codes of REST.
fn refused(code: &Value) -> Outcome {
    match code.as_str() {
        Some("unauthenticated" | "token_expired") => Outcome::Unauthenticated,
        Some("forbidden") => Outcome::Forbidden,
        Some("not_found") => Outcome::NotFound,
        other => Outcome::Other(format!("{other:?}")),
    }
}

/// A frame without what no two are alike in.
fn plain(mut frame: Value) -> Value {
    for name in ["cursor", "id", "timestamp"] {
        if let Some(value) = frame.get_mut(name) {
            *value = Value::Null;
        }
    }
    frame
}

#[test]
fn every_topic_has_a_row() {
    world::run(|world| async move {
        let victim = world.victim(Needs::Member).await;
        let mut socket = Socket::open(&world.api.base, &victim.admin.token).await;
        let mut ask = async |topic: &str| {
            socket.send(json!({"type": "subscribe", "id": 1, "topic": topic})).await;
            socket.next().await
        };
        // What is no topic is told what there is.
        let told = ask("nonsense").await["message"].as_str().unwrap().to_owned();
        let told: BTreeSet<_> = told.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        let known = live::TOPICS.iter().chain([&live::OWN]).map(|topic| (*topic).to_owned()).collect();
        assert_eq!(told, known, "the topics, and those that tests/tests/attack/sockets/live.rs attacks");
    });
}

#[test]
fn sockets() {
    world::run(|world| async move {
        let tried = crate::matrix::run(&world, &rows(&world).await).await;
        println!("Sockets: {tried:?}");
    });
}
