//! The schema over fake services, without HTTP around it.

use async_graphql::{EmptySubscription, Request, Schema, Variables, parser::types::OperationType};
use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;
use trellis_gateway::graphql::{Viewer, loaders::Loaders, mutation::Mutation, query::Query, viewer::Idempotency};
use trellis_proto::identity::v1::ClientInfo;

use crate::gateway::{ANN, Harness, token};

/// What every payload has.
pub const OUTCOME: &str = "success errors userErrors { field code message }";

pub struct World {
    pub harness: Harness,
    schema: Schema<Query, Mutation, EmptySubscription>,
}

/// Who asks, and how.
pub struct Ask {
    token: Option<String>,
    key: Option<&'static str>,
}

pub fn signed_out() -> Ask {
    Ask { token: None, key: None }
}

pub fn with_token(token: impl Into<String>) -> Ask {
    Ask { token: Some(token.into()), key: None }
}

pub fn ann() -> Ask {
    with_token(token(ANN, 600))
}

impl Ask {
    pub fn once(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
}

impl World {
    pub async fn start() -> Self {
        let schema = Schema::build(Query::default(), Mutation::default(), EmptySubscription).finish();
        Self { harness: Harness::start().await, schema }
    }

    /// The whole response.
    pub async fn respond(&self, ask: Ask, query: &str, variables: Value) -> Value {
        let client = ClientInfo { user_agent: "tests".into(), ip: "192.0.2.7".into() };
        let idempotency = ask.key.map(|key| Idempotency {
            key: HeaderValue::from_static(key),
            body: Bytes::copy_from_slice(query.as_bytes()),
        });
        let viewer = Viewer::new(self.harness.gateway.clone(), ask.token.as_deref(), client, idempotency);
        let reads = !query.trim_start().starts_with("mutation");
        let (loaders, loads) =
            Loaders::driven(&viewer, if reads { OperationType::Query } else { OperationType::Mutation });
        let request = Request::new(query).variables(Variables::from_json(variables)).data(viewer).data(loaders);
        serde_json::to_value(loads.drive(self.schema.execute(request)).await).unwrap()
    }

    /// The one field of a response without errors.
    #[track_caller]
    pub fn payload(&self, ask: Ask, query: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let response = self.respond(ask, query, variables).await;
            assert_eq!(response.get("errors"), None, "at {caller}: {response}");
            response["data"].as_object().unwrap().values().next().unwrap().clone()
        }
    }
}
