//! Whether each variable is used where its type fits ("All Variable Usages Are Allowed"). async-graphql has that rule, but
//! never comes to it; without it a field fails for want of a value when others are done already.

use async_graphql::{
    Pos, Positioned, ServerError,
    parser::types::{Directive, VariableDefinition},
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};
use async_graphql_value::{ConstValue, Value};

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
            variable(definitions, name, (&place.name, &place.ty), place.default_value.is_some(), pos)
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

/// The condition of a `@skip` or `@include`.
pub fn check_conditions(
    definitions: &[Positioned<VariableDefinition>],
    directives: &[Positioned<Directive>],
) -> Result<(), ServerError> {
    let conditions = directives.iter().filter(|directive| matches!(&*directive.node.name.node, "skip" | "include"));
    conditions.flat_map(|directive| &directive.node.arguments).try_for_each(|(name, value)| match &value.node {
        Value::Variable(variable_name) => {
            variable(definitions, variable_name, (&name.node, "Boolean!"), false, value.pos)
        }
        _ => Ok(()),
    })
}

fn variable(
    definitions: &[Positioned<VariableDefinition>],
    name: &str,
    (place, wanted): (&str, &str),
    has_default: bool,
    pos: Pos,
) -> Result<(), ServerError> {
    // That there is none is for validation to say.
    let Some(definition) = definitions.iter().find(|definition| definition.node.name.node == name) else {
        return Ok(());
    };
    let declared = definition.node.var_type.node.to_string();
    // With a default on either side, null is all that can go wrong.
    let given = definition.node.default_value.as_ref().is_some_and(|value| value.node != ConstValue::Null);
    let nullable = if given || has_default { wanted.trim_end_matches('!') } else { wanted };
    if takes(nullable, &declared) {
        return Ok(());
    }
    let about =
        format!("Variable \"${name}\" of type \"{declared}\" is used where \"{wanted}\" is expected, in \"{place}\".");
    Err(ServerError::new(about, Some(pos)))
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
