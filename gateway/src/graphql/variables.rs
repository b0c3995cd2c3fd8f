//! The variables of a request: how much they weigh, and whether they fit what the operation declares.
//!
//! Executors notice a variable that does not fit when a field uses it, with other fields done already. A request whose
//! variables do not fit is refused as a whole here, before anything is run.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, ServerError, Value as Given, Variables,
    parser::types::{OperationDefinition, VariableDefinition},
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};
use async_graphql_value::Value;

/// Bytes of texts, and some for each value.
pub struct Weights(HashMap<Name, usize>);

const EACH: usize = 8;

impl Weights {
    pub fn of_variables(definitions: &[Positioned<VariableDefinition>], variables: &Variables) -> Self {
        let weights = definitions.iter().map(|definition| {
            let name = &definition.node.name.node;
            let value = variables.get(name).or_else(|| definition.node.default_value());
            (name.clone(), value.map_or(EACH, of_given))
        });
        Self(weights.collect())
    }

    pub fn of(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.0.get(name).copied().unwrap_or(EACH),
            Value::String(text) => EACH + text.len(),
            Value::List(values) => sum(values.iter().map(|value| self.of(value))),
            Value::Object(fields) => sum(fields.iter().map(|(name, value)| name.len() + self.of(value))),
            _ => EACH,
        }
    }
}

fn of_given(value: &Given) -> usize {
    match value {
        Given::String(text) => EACH + text.len(),
        Given::List(values) => sum(values.iter().map(of_given)),
        Given::Object(fields) => sum(fields.iter().map(|(name, value)| name.len() + of_given(value))),
        _ => EACH,
    }
}

fn sum(weights: impl Iterator<Item = usize>) -> usize {
    weights.fold(EACH, usize::saturating_add)
}

/// Whether the variables fit, by the rules of "Coercing Variable Values". The first that does not is told.
pub fn check(registry: &Registry, operation: &OperationDefinition, variables: &Variables) -> Result<(), ServerError> {
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        let declared = var_type.node.to_string();
        let refused = |why: String| {
            let about = format!("Variable \"${}\" of type \"{declared}\" {why}.", name.node);
            ServerError::new(about, Some(definition.pos))
        };
        match registry.types.get(MetaTypeName::concrete_typename(&declared)) {
            None => return Err(refused("is of a type that there is not".into())),
            Some(MetaType::Scalar { .. } | MetaType::Enum { .. } | MetaType::InputObject { .. }) => {}
            Some(_) => return Err(refused("is of a type that is not for input".into())),
        }
        match variables.get(&name.node) {
            Some(given) => fits(registry, &declared, given).map_err(|misfit| refused(misfit.told()))?,
            None if declared.ends_with('!') && default_value.is_none() => {
                return Err(refused("must be given".into()));
            }
            None => {}
        }
    }
    Ok(())
}

/// Why a value does not fit, and where in the variable it stands, innermost name first.
struct Misfit {
    why: String,
    path: Vec<String>,
}

impl Misfit {
    fn told(self) -> String {
        if self.path.is_empty() {
            return self.why;
        }
        let path: Vec<String> = self.path.into_iter().rev().collect();
        format!("is not right at \"{}\": {}", path.join("."), self.why)
    }
}

fn misfit(why: impl Into<String>) -> Misfit {
    Misfit { why: why.into(), path: Vec::new() }
}

fn fits(registry: &Registry, declared: &str, given: &Given) -> Result<(), Misfit> {
    match (MetaTypeName::create(declared), given) {
        (MetaTypeName::NonNull(_), Given::Null) => Err(misfit("must not be null")),
        (MetaTypeName::NonNull(inner), _) => fits(registry, inner, given),
        (_, Given::Null) => Ok(()),
        (MetaTypeName::List(inner), Given::List(values)) => values
            .iter()
            .enumerate()
            .try_for_each(|(i, value)| fits(registry, inner, value).map_err(|misfit| within(misfit, i.to_string()))),
        // One value stands for a list of one.
        (MetaTypeName::List(inner), _) => fits(registry, inner, given),
        (MetaTypeName::Named(name), _) => named(registry, name, given),
    }
}

fn within(mut misfit: Misfit, name: String) -> Misfit {
    misfit.path.push(name);
    misfit
}

fn named(registry: &Registry, name: &str, given: &Given) -> Result<(), Misfit> {
    match (registry.types.get(name), given) {
        (Some(MetaType::Scalar { is_valid, .. }), _) => {
            let whole = name != "Int" || matches!(given, Given::Number(n) if n.is_i64() || n.is_u64());
            if whole && is_valid.as_ref().is_none_or(|is_valid| is_valid(given)) {
                return Ok(());
            }
            Err(misfit(format!("must be a value of type \"{name}\"")))
        }
        (Some(MetaType::Enum { enum_values, .. }), Given::String(text)) if enum_values.contains_key(text) => Ok(()),
        // A default, which the document gives.
        (Some(MetaType::Enum { enum_values, .. }), Given::Enum(value)) if enum_values.contains_key(value.as_str()) => {
            Ok(())
        }
        (Some(MetaType::Enum { enum_values, .. }), _) => {
            let values: Vec<&str> = enum_values.keys().map(String::as_str).collect();
            Err(misfit(format!("must be one of {}", values.join(", "))))
        }
        (Some(MetaType::InputObject { input_fields, oneof, .. }), Given::Object(fields)) => {
            for input in input_fields.values() {
                field(registry, input, fields.get(input.name.as_str()))
                    .map_err(|misfit| within(misfit, input.name.clone()))?;
            }
            if let Some(unknown) = fields.keys().find(|name| !input_fields.contains_key(name.as_str())) {
                return Err(within(misfit("there is no such field"), unknown.to_string()));
            }
            let exactly_one = fields.len() == 1 && fields.values().all(|value| *value != Given::Null);
            if *oneof && !exactly_one {
                return Err(misfit("must have exactly one field, which is not null"));
            }
            Ok(())
        }
        (Some(MetaType::InputObject { .. }), _) => Err(misfit(format!("must be an object of type \"{name}\""))),
        _ => Err(misfit("is of a type that is not for input")),
    }
}

fn field(registry: &Registry, input: &MetaInputValue, given: Option<&Given>) -> Result<(), Misfit> {
    match given {
        Some(given) => fits(registry, &input.ty, given),
        None if input.ty.ends_with('!') && input.default_value.is_none() => Err(misfit("must be given")),
        None => Ok(()),
    }
}
