//! The schema, put together.

use async_graphql::{Schema, SchemaBuilder};

use super::{limits::Limit, mutation::Mutation, nulls::Nulls, query::Query, rules::Rules, subscription::Subscription};
use crate::live::Hub;

pub type GraphQl = Schema<Query, Mutation, Subscription>;

/// Answers operations; each brings its [`Viewer`](super::Viewer) and its [`Loaders`](super::loaders::Loaders).
/// Without `introspection` it tells no name that was not asked for.
pub fn schema(hub: Hub, introspection: bool) -> GraphQl {
    let mut schema = built().data(hub);
    if !introspection {
        schema = schema.disable_introspection().disable_suggestions();
    }
    schema.finish()
}

/// The schema definition, as it is committed and published.
pub fn sdl() -> String {
    built().finish().sdl()
}

pub(super) fn built() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
        .extension(Rules)
        .extension(Nulls)
        // Never met: our own limits come first, and tell more.
        .limit_recursive_depth(Limit::Brackets.most() * 2)
}
