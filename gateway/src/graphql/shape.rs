//! The shape of an answer: fields in the order in which they were asked for ("Serialized Map Ordering"), and an object
//! also where every field of it was skipped.
//!
//! async-graphql orders fields as they were done, and leaves null where nothing of an object was asked for.

use async_graphql::{
    Name, Pos, Positioned, Value,
    indexmap::IndexMap,
    parser::types::{Field, OperationDefinition, OperationType, Selection, SelectionSet},
};

/// Asked for in the place of nothing; not told.
const ALWAYS: &str = "__always";

/// What was asked for at one place, by response keys; nothing of what is no object.
#[derive(Debug, Default)]
pub struct Shape(IndexMap<Name, Shape>);

impl Shape {
    /// Of an operation without spread fragments. Where all that it asks of an object may be skipped, it asks for one
    /// thing more.
    pub fn of(operation: &mut OperationDefinition) -> Self {
        let mut shape = Self::default();
        let set = &mut operation.selection_set.node;
        shape.add(set);
        // A subscription asks for one thing and no more.
        if !ask_always(set) && operation.ty != OperationType::Subscription {
            set.items.push(typename(Pos::default()));
        }
        shape
    }

    fn add(&mut self, set: &SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    self.0.entry(key.clone()).or_default().add(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => self.add(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Brings `data` into this shape.
    pub fn give(&self, data: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match data {
            Value::List(items) => items.iter_mut().for_each(|item| self.give(item)),
            Value::Object(fields) => {
                let mut found = std::mem::take(fields);
                for (key, shape) in &self.0 {
                    if let Some(mut value) = found.swap_remove(key) {
                        shape.give(&mut value);
                        fields.insert(key.clone(), value);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether something of the set is asked for whatever the variables are.
fn ask_always(set: &mut SelectionSet) -> bool {
    let mut always = false;
    for item in &mut set.items {
        always |= match &mut item.node {
            Selection::Field(field) => {
                let within = &mut field.node.selection_set.node;
                if !within.items.is_empty() && !ask_always(within) {
                    within.items.push(typename(item.pos));
                }
                field.node.directives.is_empty()
            }
            Selection::InlineFragment(fragment) => {
                ask_always(&mut fragment.node.selection_set.node) && fragment.node.directives.is_empty()
            }
            Selection::FragmentSpread(_) => true,
        };
    }
    always
}

fn typename(pos: Pos) -> Positioned<Selection> {
    let field = Field {
        alias: Some(Positioned::new(Name::new(ALWAYS), pos)),
        name: Positioned::new(Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    };
    Positioned::new(Selection::Field(Positioned::new(field, pos)), pos)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unused_async)]

    use async_graphql::{
        EmptyMutation, EmptySubscription, Object, Request, Schema,
        parser::{parse_query, types::DocumentOperations},
    };

    use super::*;

    struct Query;

    #[Object]
    impl Query {
        async fn slow(&self) -> u32 {
            tokio::task::yield_now().await;
            1
        }

        async fn fast(&self) -> u32 {
            2
        }

        async fn queries(&self) -> Vec<Query> {
            tokio::task::yield_now().await;
            vec![Query, Query]
        }

        async fn any(&self) -> async_graphql::Json<serde_json::Value> {
            async_graphql::Json(serde_json::json!({ "a": { "b": 1 } }))
        }
    }

    async fn told(query: &str) -> String {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let mut document = parse_query(query).unwrap();
        let DocumentOperations::Single(operation) = &mut document.operations else { panic!("several") };
        let shape = Shape::of(&mut operation.node);
        let mut request = Request::new("");
        request.set_parsed_query(document);
        let mut response = schema.execute(request).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        shape.give(&mut response.data);
        serde_json::to_string(&response.data).unwrap()
    }

    #[tokio::test]
    async fn fields_come_in_the_order_of_the_query() {
        for (query, data) in [
            ("{ slow fast }", r#"{"slow":1,"fast":2}"#),
            ("{ ... on Query { slow x: fast } fast }", r#"{"slow":1,"x":2,"fast":2}"#),
            (
                "{ queries { slow } fast queries { fast slow } }",
                r#"{"queries":[{"slow":1,"fast":2},{"slow":1,"fast":2}],"fast":2}"#,
            ),
            ("{ any }", r#"{"any":{"a":{"b":1}}}"#),
        ] {
            assert_eq!(told(query).await, data, "{query}");
        }
    }

    #[tokio::test]
    async fn an_object_of_which_all_is_skipped_is_empty_not_null() {
        for (query, data) in [
            ("{ slow @skip(if: true) }", "{}"),
            ("{ queries { slow @skip(if: true) } }", r#"{"queries":[{},{}]}"#),
            ("{ queries { ... @include(if: false) { slow } } fast }", r#"{"queries":[{},{}],"fast":2}"#),
            ("{ queries { ... { fast @include(if: true) } } }", r#"{"queries":[{"fast":2},{"fast":2}]}"#),
        ] {
            assert_eq!(told(query).await, data.to_owned(), "{query}");
        }
    }
}
