//! The schema, put together.

use async_graphql::Schema;

use super::{mutation::Mutation, query::Query, subscription::Subscription};
use crate::live::Hub;

pub type GraphQl = Schema<Query, Mutation, Subscription>;

/// Answers operations; each brings its [`Viewer`](super::Viewer) and its [`Loaders`](super::loaders::Loaders).
pub fn schema(hub: Hub) -> GraphQl {
    Schema::build(Query::default(), Mutation::default(), Subscription).data(hub).finish()
}

/// The schema definition, as it is committed and published.
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), Subscription).finish().sdl()
}
