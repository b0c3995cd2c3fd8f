//! Null where a field was refused, as the specification has it ("Handling Execution Errors"): the field itself where
//! it may be null, else the nearest around it that may.
//!
//! The library leaves out what was refused, which clients with types of their own cannot read.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Name, PathSegment, Response, ServerResult, Value, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery},
    indexmap::IndexMap,
    parser::types::{DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet},
    registry::{MetaTypeName, Registry},
};

use super::rules::root;

/// Makes the answers of a schema complete.
pub struct Nulls;

impl ExtensionFactory for Nulls {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(OfOne::default())
    }
}

/// Of one request.
#[derive(Default)]
struct OfOne(Mutex<Option<Arc<ExecutableDocument>>>);

#[async_graphql::async_trait::async_trait]
impl Extension for OfOne {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(document.clone()));
        Ok(document)
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let mut response = next.run(ctx, operation_name).await;
        let document = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(document) = document.filter(|_| !response.errors.is_empty()) {
            complete(&ctx.schema_env.registry, &document, operation_name, &mut response);
        }
        response
    }
}

fn complete(registry: &Registry, document: &ExecutableDocument, operation: Option<&str>, response: &mut Response) {
    let operation = match &document.operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => {
            let named = operation.and_then(|name| operations.get(name));
            let Some(operation) = named.or_else(|| operations.values().next()) else { return };
            operation
        }
    };
    let Some(root) = root(registry, operation.node.ty) else { return };
    let fields = &operation.node.selection_set.node;
    let places = response.errors.iter().filter(|error| !error.path.is_empty());
    let mut places: Vec<&[PathSegment]> =
        places.filter_map(|error| nearest(registry, root, fields, &error.path)).collect();
    // What holds others goes last: none of it comes to life again.
    places.sort_by_key(|place| Reverse(place.len()));
    for place in places {
        put_null(&mut response.data, place);
    }
}

/// The part of a path that ends where null may stand; empty where that is the whole answer.
fn nearest<'p>(
    registry: &Registry,
    root: &str,
    fields: &SelectionSet,
    path: &'p [PathSegment],
) -> Option<&'p [PathSegment]> {
    let (mut of, mut selected) = (root.to_owned(), vec![fields]);
    let mut kind = String::new();
    let mut nearest = 0;
    for (place, segment) in path.iter().enumerate() {
        kind = match segment {
            PathSegment::Index(_) => match MetaTypeName::create(&kind).unwrap_non_null() {
                MetaTypeName::List(item) => item.to_owned(),
                _ => return None,
            },
            PathSegment::Field(key) => {
                let found: Vec<&Field> = selected.iter().flat_map(|set| of_key(set, key)).collect();
                let field = registry.types.get(&of)?.field_by_name(&found.first()?.name.node)?;
                selected = found.into_iter().map(|field| &field.selection_set.node).collect();
                MetaTypeName::concrete_typename(&field.ty).clone_into(&mut of);
                field.ty.clone()
            }
        };
        if !MetaTypeName::create(&kind).is_non_null() {
            nearest = place + 1;
        }
    }
    path.get(..nearest)
}

/// The fields of this response key, also those in inline fragments (others are put in their places before).
fn of_key<'s>(set: &'s SelectionSet, key: &str) -> Vec<&'s Field> {
    let found = set.items.iter().flat_map(|selection| match &selection.node {
        Selection::Field(field) if field.node.response_key().node == key => vec![&field.node],
        Selection::InlineFragment(fragment) => of_key(&fragment.node.selection_set.node, key),
        _ => Vec::new(),
    });
    found.collect()
}

fn put_null(value: &mut Value, place: &[PathSegment]) {
    let Some((segment, rest)) = place.split_first() else {
        *value = Value::Null;
        return;
    };
    match segment {
        PathSegment::Field(key) => {
            // Of what was refused alone, the library leaves not even the object.
            if *value == Value::Null {
                *value = Value::Object(IndexMap::new());
            }
            if let Value::Object(fields) = value {
                put_null(fields.entry(Name::new(key)).or_insert(Value::Null), rest);
            }
        }
        PathSegment::Index(index) => {
            if let Value::List(items) = value
                && let Some(item) = items.get_mut(*index)
            {
                put_null(item, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unused_async)]

    use async_graphql::{EmptyMutation, EmptySubscription, Error, Object, Result, Schema};
    use serde_json::json;

    use super::*;

    struct Thing(u32);

    #[Object]
    impl Thing {
        async fn number(&self) -> u32 {
            self.0
        }

        async fn maybe(&self) -> Result<Option<u32>> {
            Err(Error::new("maybe"))
        }

        async fn odd(&self) -> Result<u32> {
            if self.0 % 2 == 1 { Ok(self.0) } else { Err(Error::new("odd")) }
        }

        async fn things(&self) -> Vec<Thing> {
            vec![Thing(1), Thing(2)]
        }

        async fn holes(&self) -> Vec<Option<Thing>> {
            vec![Some(Thing(1)), Some(Thing(2))]
        }

        async fn thing(&self) -> Thing {
            Thing(self.0)
        }

        async fn other(&self) -> Option<Thing> {
            Some(Thing(self.0))
        }
    }

    struct Query;

    #[Object]
    impl Query {
        async fn other(&self) -> Option<Thing> {
            Some(Thing(2))
        }

        async fn thing(&self) -> Thing {
            Thing(2)
        }

        async fn refused(&self) -> Result<Option<u32>> {
            Err(Error::new("refused"))
        }
    }

    #[tokio::test]
    async fn null_stands_at_the_nearest_place_that_takes_it() {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(Nulls).finish();
        for (query, data) in [
            ("{ other { number } }", json!({ "other": { "number": 2 } })),
            ("{ a: refused b: refused }", json!({ "a": null, "b": null })),
            ("{ refused other { number } }", json!({ "refused": null, "other": { "number": 2 } })),
            ("{ other { number maybe } }", json!({ "other": { "number": 2, "maybe": null } })),
            ("{ thing { maybe } }", json!({ "thing": { "maybe": null } })),
            ("{ other { number odd } }", json!({ "other": null })),
            ("{ thing { number odd } }", json!(null)),
            ("{ thing { other { number thing { odd } } number } }", json!({ "thing": { "number": 2, "other": null } })),
            ("{ other { maybe odd } refused }", json!({ "other": null, "refused": null })),
            ("{ other { things { odd } number } }", json!({ "other": null })),
            ("{ other { holes { odd maybe } } }", json!({ "other": { "holes": [{ "odd": 1, "maybe": null }, null] } })),
            ("{ x: other { ... on Thing { n: number m: maybe } } }", json!({ "x": { "n": 2, "m": null } })),
            ("{ other { thing { number } } other { thing { odd } } }", json!({ "other": null })),
        ] {
            let response = schema.execute(query).await;
            assert_eq!(response.errors.is_empty(), query == "{ other { number } }", "{query}");
            assert_eq!(response.data.into_json().unwrap(), data, "{query}");
        }
    }

    #[tokio::test]
    async fn what_was_never_run_has_no_data() {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(Nulls).finish();
        let response = schema.execute("{ other { unknown } }").await;
        assert_eq!((response.data, response.errors.len()), (Value::Null, 1));
    }
}
