//! The schema itself.

use std::collections::BTreeMap;

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{InputValueDefinition, TypeKind, TypeSystemDefinition},
    },
};
use trellis_gateway::graphql::schema::sdl;

/// `"Task.title"` and what it is; also arguments, input fields and enum values.
fn members(sdl: &str) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node;
        members.insert(name.to_string(), "type".to_owned());
        match definition.node.kind {
            TypeKind::Object(object) => {
                for Positioned { node: field, .. } in object.fields {
                    let place = format!("{name}.{}", field.name.node);
                    arguments(&mut members, &place, &field.arguments);
                    members.insert(place, field.ty.to_string());
                }
            }
            TypeKind::InputObject(input) => arguments(&mut members, name.as_str(), &input.fields),
            TypeKind::Enum(values) => {
                for Positioned { node: value, .. } in values.values {
                    members.insert(format!("{name}.{}", value.value.node), "value".to_owned());
                }
            }
            _ => {}
        }
    }
    members
}

fn arguments(members: &mut BTreeMap<String, String>, of: &str, arguments: &[Positioned<InputValueDefinition>]) {
    for Positioned { node: argument, .. } in arguments {
        members.insert(format!("{of}({})", argument.name.node), argument.ty.to_string());
    }
}

#[test]
fn all_of_the_original_is_there_to_the_letter() {
    let (original, ours) = (members(include_str!("original.graphql")), members(&sdl()));
    let mut wrong = Vec::new();
    for (place, kind) in &original {
        if ours.get(place) != Some(kind) {
            wrong.push(format!("{place}: {kind}, not {:?}", ours.get(place)));
        }
    }
    // More arguments and input fields are fine if nobody must give them.
    for (place, kind) in &ours {
        let of = place.split_once('(').map(|(of, _)| of);
        if kind.ends_with('!') && of.is_some_and(|of| original.contains_key(of)) && !original.contains_key(place) {
            wrong.push(format!("{place}: {kind} must be given"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn everything_is_described() {
    let mut bare = Vec::new();
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let (definition, name) = (&definition.node, &definition.node.name.node);
        if definition.description.is_none() && !["Query", "Mutation", "Subscription"].contains(&name.as_str()) {
            bare.push(name.to_string());
        }
        if let TypeKind::Object(object) = &definition.kind {
            let fields = object.fields.iter().filter(|field| field.node.description.is_none());
            bare.extend(fields.map(|field| format!("{name}.{}", field.node.name.node)));
        }
    }
    assert!(bare.is_empty(), "{bare:#?}");
}
