//! Queries as the executor runs them, without HTTP around it.

use async_graphql::{EmptyMutation, EmptySubscription, Request, Schema, Variables, parser::types::OperationType};
use serde_json::Value;
use trellis_gateway::graphql::{Viewer, loaders::Loaders, nulls::Nulls, query::Query};
use trellis_proto::identity::v1::ClientInfo;

use crate::{
    gateway::{ANN, token},
    world::World,
};

/// Ann's token.
pub fn ann() -> String {
    token(ANN, 600)
}

/// The whole response.
pub async fn respond(world: &World, token: Option<String>, query: &str, variables: Value) -> Value {
    let viewer = Viewer::new(world.harness.gateway.clone(), token.as_deref(), ClientInfo::default(), None);
    let (loaders, loads) = Loaders::driven(&viewer, OperationType::Query);
    let schema = Schema::build(Query::default(), EmptyMutation, EmptySubscription).extension(Nulls).finish();
    let request = Request::new(query).variables(Variables::from_json(variables)).data(viewer).data(loaders);
    serde_json::to_value(loads.drive(schema.execute(request)).await).unwrap()
}

/// The one field of a response to Ann, without errors.
pub async fn read(world: &World, query: &str, variables: Value) -> Value {
    let response = respond(world, Some(ann()), query, variables).await;
    assert_eq!(response.get("errors"), None, "{query}: {response}");
    response["data"].as_object().unwrap().values().next().unwrap().clone()
}
