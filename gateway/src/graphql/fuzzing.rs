//! GraphQL before anything is run, for fuzz targets (`make fuzz`).

use async_graphql::{
    Variables,
    parser::{
        parse_query,
        types::{DocumentOperations, Selection, SelectionSet},
    },
};

use super::{
    asked,
    inline::inline,
    limits::Limit,
    socket::message::{self, Said},
    tokens,
};

/// A document, and after a NUL the variables, and after another one the name of the operation.
pub fn documents(text: &str) {
    let mut parts = text.splitn(3, '\0');
    let document = parts.next().unwrap_or_default();
    let variables = parts.next().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let name = parts.next();
    if tokens::check(document).is_err() {
        return;
    }
    let Ok(parsed) = parse_query(document) else { return };
    let Ok(ready) = inline(parsed, name, &Variables::from_json(variables), true) else { return };
    let operation = match &ready.document.operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => operations.values().next().expect("one operation is left"),
    };
    assert!(ready.document.fragments.is_empty());
    let (mut fields, mut depth) = (0, 0);
    count(&operation.node.selection_set.node, 0, &mut fields, &mut depth);
    assert!(fields <= 2 * Limit::Selections.most() + 1, "{fields} fields");
    assert!(depth <= 64, "{depth} fields deep");
}

/// No fragment may be spread any more.
fn count(set: &SelectionSet, depth: usize, fields: &mut usize, deepest: &mut usize) {
    *deepest = (*deepest).max(depth);
    for item in &set.items {
        *fields += 1;
        match &item.node {
            Selection::Field(field) => count(&field.node.selection_set.node, depth + 1, fields, deepest),
            Selection::InlineFragment(inside) => count(&inside.node.selection_set.node, depth + 1, fields, deepest),
            Selection::FragmentSpread(_) => panic!("a fragment is left"),
        }
    }
}

/// A message of `graphql-transport-ws`, and a whole request, as a body and as a query.
pub fn requests(text: &str) {
    match message::parse(text) {
        Ok(Said::Init(payload)) => {
            let _ = message::token(&payload);
        }
        Ok(Said::Subscribe { id, .. } | Said::Complete { id }) => assert!((1..=256).contains(&id.len())),
        Ok(Said::Ping(_) | Said::Pong) => {}
        Err(closing) => {
            let (_, reason) = closing.close().expect("somebody is there");
            assert!(reason.len() <= 123, "it fits a close frame");
        }
    }
    let _ = asked::from_body(text.as_bytes());
    let _ = asked::from_query(text);
}
