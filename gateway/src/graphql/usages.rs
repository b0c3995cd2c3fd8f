//! Whether each variable is used where its type fits ("All Variable Usages Are Allowed"). async-graphql has that rule, but
//! never comes to it; without it a field fails for want of a value when others are done already.

use async_graphql::{
    Pos, Positioned, ServerError,
    parser::types::VariableDefinition,
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};
use async_graphql_value::Value;

/// The value of an argument, or of a field of an input, and within it.
pub fn check(
    registry: &Registry,
    definitions: &[Positioned<VariableDefinition>],
    place: &MetaInputValue,
    value: &Value,
    pos: Pos,
) -> Result<(), ServerError> {
    match value {
        Value::Variable(name) => {
            let Some(definition) = definitions.iter().find(|definition| definition.node.name.node == *name) else {
                return Ok(());
            };
            let declared = definition.node.var_type.node.to_string();
            // With a default on either side, null is all that can go wrong.
            let filled = definition.node.default_value.is_some() || place.default_value.is_some();
            let wanted = if filled { place.ty.trim_end_matches('!') } else { &place.ty };
            if takes(wanted, &declared) {
                return Ok(());
            }
            let about = format!(
                "Variable \"${name}\" of type \"{declared}\" is used where \"{}\" is expected, in \"{}\".",
                place.ty, place.name
            );
            Err(ServerError::new(about, Some(pos)))
        }
        Value::List(values) => {
            let MetaTypeName::List(of) = MetaTypeName::create(place.ty.trim_end_matches('!')) else {
                return Ok(());
            };
            let place = MetaInputValue { ty: of.to_owned(), default_value: None, ..place.clone() };
            values.iter().try_for_each(|value| check(registry, definitions, &place, value, pos))
        }
        Value::Object(fields) => {
            let named = registry.types.get(MetaTypeName::concrete_typename(&place.ty));
            let Some(MetaType::InputObject { input_fields, .. }) = named else {
                return Ok(());
            };
            fields.iter().try_for_each(|(name, value)| match input_fields.get(name.as_str()) {
                Some(place) => check(registry, definitions, place, value, pos),
                None => Ok(()),
            })
        }
        _ => Ok(()),
    }
}

fn takes(wanted: &str, declared: &str) -> bool {
    match (MetaTypeName::create(wanted), MetaTypeName::create(declared)) {
        (MetaTypeName::NonNull(wanted), MetaTypeName::NonNull(declared))
        | (MetaTypeName::List(wanted), MetaTypeName::List(declared)) => takes(wanted, declared),
        (MetaTypeName::NonNull(_), _) => false,
        (_, MetaTypeName::NonNull(declared)) => takes(wanted, declared),
        (MetaTypeName::Named(wanted), MetaTypeName::Named(declared)) => wanted == declared,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_variables_fit_or_do_not() {
        for (wanted, declared) in [("A", "A"), ("A", "A!"), ("A!", "A!"), ("[A]", "[A!]!"), ("[[A]]", "[[A]!]")] {
            assert!(takes(wanted, declared), "{declared} in {wanted}");
        }
        for (wanted, declared) in
            [("A!", "A"), ("A", "B"), ("[A!]", "[A]"), ("[A]", "A"), ("A", "[A]"), ("[A]!", "[A]")]
        {
            assert!(!takes(wanted, declared), "{declared} in {wanted}");
        }
    }
}
