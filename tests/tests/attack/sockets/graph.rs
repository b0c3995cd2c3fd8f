//! GraphQL over a socket, `graphql-transport-ws`: subscriptions, and that queries and mutations are no other way in.

use std::sync::Arc;

use serde_json::{Value, json};
use trellis_tests::{Connection, PROTOCOL};

use super::refused;
use crate::{
    graphql::{self, Operation, roots::ROOTS, schema::Schema},
    matrix::{Answer, Call, Needs, Outcome, Row},
    world::World,
};

/// How a token is brought.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// `{"Authorization": "Bearer …"}` in `connection_init`.
    Init,
    /// `{"token": …}` in `connection_init`.
    InitToken,
    /// With the upgrade.
    Header,
}

const WAYS: [Way; 3] = [Way::Init, Way::InitToken, Way::Header];

/// What is tried beside the subscriptions.
const OTHERS: [&str; 3] = ["task", "createTaskComment", "deleteOrganization"];

pub async fn rows(world: &World) -> Vec<Row> {
    let schema = Schema::read(&world.api).await;
    let mut rows = Vec::new();
    for (kind, name, needs, variables) in
        ROOTS.iter().filter(|(kind, name, ..)| *kind == "subscription" || OTHERS.contains(name))
    {
        let field = schema.root_field(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"));
        let operation = Arc::new(graphql::root(&schema, kind, field, variables));
        for way in WAYS {
            let operation = Arc::clone(&operation);
            let send = move |call| attempt(Arc::clone(&operation), *needs, way, call);
            rows.push(Row::new(format!("{kind}.{name} on a socket by {way:?}"), *needs, send));
        }
    }
    rows
}

async fn attempt(operation: Arc<Operation>, needs: Needs, way: Way, call: Call) -> Answer {
    let header = call.token.as_ref().map(|token| format!("Bearer {token}"));
    let (header, payload) = match (way, header) {
        (Way::Header, header) => (header, json!({})),
        (_, None) => (None, json!({})),
        (Way::Init, Some(header)) => (None, json!({"Authorization": header})),
        (Way::InitToken, Some(_)) => (None, json!({"token": call.token})),
    };
    let mut connection = Connection::open(&call.world.api.base, "/graphql", header.as_deref(), PROTOCOL).await;
    connection.offer(json!({"type": "connection_init", "payload": payload})).await;
    match connection.next_or_code().await {
        Ok(frame) if frame["type"] == "connection_ack" => {}
        Ok(frame) => {
            return Answer { outcome: Outcome::Other("no acknowledgement".to_owned()), seen: frame.to_string() };
        }
        Err(4403) => return Answer { outcome: Outcome::Unauthenticated, seen: "4403".to_owned() },
        Err(code) => return Answer { outcome: Outcome::Other(format!("closed with {code}")), seen: code.to_string() },
    }
    let payload = graphql::payload(&operation, &call.names);
    connection.offer(json!({"type": "subscribe", "id": "1", "payload": payload})).await;
    let frame = match connection.next_or_code().await {
        Ok(frame) => frame,
        Err(code) => return Answer { outcome: Outcome::Other(format!("closed with {code}")), seen: code.to_string() },
    };
    let outcome = match frame["type"].as_str() {
        Some("error") => refused(&frame["payload"][0]["extensions"]["code"]),
        Some("next") => of_next(&frame["payload"], needs),
        _ => Outcome::Other("no answer".to_owned()),
    };
    Answer { outcome, seen: frame.to_string() }
}

fn of_next(payload: &Value, needs: Needs) -> Outcome {
    if payload["data"].is_null() && payload["errors"][0].is_object() {
        return refused(&payload["errors"][0]["extensions"]["code"]);
    }
    graphql::judge(200, payload, matches!(needs, Needs::Nobody(_)))
}
