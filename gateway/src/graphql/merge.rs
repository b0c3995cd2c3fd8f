//! Fields that are one are made one ("Field Selection Merging"): asked for twice, beside each other or in a fragment, a
//! field is run once. async-graphql would run it twice, a mutation too, and does not compare what is asked of the two.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{Directive, Field, Selection, SelectionSet},
};

/// Merges the selections of one set; `parent` is the type that it is asked of. What only looks alike stays, for
/// validation to refuse.
pub fn selections(parent: Option<&str>, set: &mut SelectionSet) {
    let mut merged = Merged::default();
    lift(parent, std::mem::take(&mut set.items), &mut merged);
    set.items = merged.items;
}

#[derive(Default)]
struct Merged {
    items: Vec<Positioned<Selection>>,
    /// Where the first field of a response key stands.
    first: HashMap<Name, usize>,
}

/// A fragment on just the type around it, under no condition, is as good as what is in it. One under a condition loses
/// its type, with which validation would not see that a field in it and one beside it cannot both be told.
fn lift(parent: Option<&str>, items: Vec<Positioned<Selection>>, merged: &mut Merged) {
    for mut item in items {
        match &mut item.node {
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                if on.is_some() && on == parent {
                    fragment.node.type_condition = None;
                }
                if fragment.node.type_condition.is_none() && fragment.node.directives.is_empty() {
                    lift(parent, std::mem::take(&mut fragment.node.selection_set.node.items), merged);
                    continue;
                }
            }
            Selection::Field(field) => {
                let key = &field.node.response_key().node;
                if let Some(first) = merged.first.get(key) {
                    let Selection::Field(first) = &mut merged.items[*first].node else { continue };
                    if same(&first.node, &field.node) {
                        first.node.selection_set.node.items.append(&mut field.node.selection_set.node.items);
                        continue;
                    }
                } else {
                    merged.first.insert(key.clone(), merged.items.len());
                }
            }
            Selection::FragmentSpread(_) => {}
        }
        merged.items.push(item);
    }
}

fn same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments == other.arguments
        && one.directives.len() == other.directives.len()
        && one.directives.iter().zip(&other.directives).all(|(one, other)| same_directive(&one.node, &other.node))
}

fn same_directive(one: &Directive, other: &Directive) -> bool {
    one.name.node == other.name.node && one.arguments == other.arguments
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use async_graphql::parser::{parse_query, types::DocumentOperations};

    use super::*;

    fn shown(set: &SelectionSet) -> String {
        let items = set.items.iter().map(|item| match &item.node {
            Selection::Field(field) => {
                let within = shown(&field.node.selection_set.node);
                format!("{}{}{within}", field.node.response_key().node, "@".repeat(field.node.directives.len()))
            }
            Selection::InlineFragment(fragment) => format!("...{}", shown(&fragment.node.selection_set.node)),
            Selection::FragmentSpread(_) => "...".to_owned(),
        });
        let items: Vec<String> = items.collect();
        if items.is_empty() { String::new() } else { format!("({})", items.join(" ")) }
    }

    fn merged(query: &str) -> String {
        let mut document = parse_query(query).unwrap();
        let DocumentOperations::Single(operation) = &mut document.operations else { panic!("several") };
        let set = &mut operation.node.selection_set.node;
        selections(Some("Query"), set);
        shown(set)
    }

    #[test]
    fn what_is_the_same_is_one_and_nothing_else() {
        for (query, one) in [
            ("{ a b a }", "(a b)"),
            ("{ a { x } b a { y x } }", "(a(x y x) b)"),
            ("{ a(i: 1) { x } ... on Query { a(i: 1) { y } } ... { b } }", "(a(x y) b)"),
            ("{ a(i: 1) a(i: 2) }", "(a a)"),
            ("{ x: a x: b }", "(x x)"),
            ("{ a ... on Other { a } }", "(a ...(a))"),
            ("{ a ... on Query @include(if: true) { a } }", "(a ...(a))"),
            ("{ a a @skip(if: true) a @skip(if: true) }", "(a a@ a@)"),
        ] {
            assert_eq!(merged(query), one, "{query}");
        }
    }
}
