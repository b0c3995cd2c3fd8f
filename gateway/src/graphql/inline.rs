//! A parsed document made ready: the operation that is asked for, with every fragment in its place, and within limits.
//!
//! Validation and execution see no fragments any more. So their work is bounded by what is counted here, no fragment
//! can double it, and what complexity counts is what is run.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned, ServerError, Variables,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, FragmentDefinition, InlineFragment, OperationDefinition,
        OperationType, Selection, SelectionSet, VariableDefinition,
    },
};
use async_graphql_value::{ConstValue, Value};

use super::{
    limits::{Exceeded, Limit},
    shape::Shape,
    variables::Weights,
};

/// Fields that try a password or make a user.
const LOGINS: [&str; 6] = ["loginUser", "registerUser", "tokenAuth", "register", "login", "changePassword"];
/// Lists of introspection through which one comes from types to types.
const MEMBERS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// One operation, without fragments.
pub struct Ready {
    pub document: ExecutableDocument,
    pub kind: OperationType,
    pub shape: Shape,
    /// What variables are where they are not given.
    pub defaults: Vec<(Name, ConstValue)>,
}

/// Finds the operation and puts its fragments in their places.
pub fn inline(
    mut document: ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
    introspection: bool,
) -> Result<Ready, ServerError> {
    check_fragments(&document)?;
    let (name, mut operation) = choose(&mut document.operations, operation_name)?;
    let definitions = operation.node.variable_definitions.clone();
    let mut inliner = Inliner {
        fragments: &document.fragments,
        weights: Weights::of_variables(&definitions, variables),
        introspection,
        spreading: Vec::new(),
        selections: 0,
        values: 0,
        logins: 0,
    };
    inliner.selection_set(&mut operation.node.selection_set, Place::default())?;
    let roots = operation.node.selection_set.node.items.as_slice();
    if operation.node.ty == OperationType::Subscription && fields(roots) != 1 {
        return Err(ServerError::new("A subscription must ask for exactly one field.", Some(operation.pos)));
    }
    let kind = operation.node.ty;
    let shape = Shape::of(&mut operation.node);
    document.fragments.clear();
    document.operations = match name {
        Some(name) => DocumentOperations::Multiple([(name, operation)].into()),
        None => DocumentOperations::Single(operation),
    };
    let defaults = definitions.into_iter().filter_map(|definition| {
        let VariableDefinition { name, default_value, .. } = definition.node;
        Some((name.node, default_value?.node))
    });
    Ok(Ready { document, kind, shape, defaults: defaults.collect() })
}

fn choose(
    operations: &mut DocumentOperations,
    name: Option<&str>,
) -> Result<(Option<Name>, Positioned<OperationDefinition>), ServerError> {
    let empty = DocumentOperations::Multiple(HashMap::new());
    let mut operations = match (std::mem::replace(operations, empty), name) {
        (DocumentOperations::Single(operation), None) => return Ok((None, operation)),
        (DocumentOperations::Single(_), Some(name)) => return Err(unknown_operation(name)),
        (DocumentOperations::Multiple(operations), _) => operations,
    };
    let found = match name {
        Some(name) => operations.remove_entry(name).ok_or_else(|| unknown_operation(name))?,
        None if operations.len() > 1 => {
            return Err(ServerError::new("The document has several operations: name one in `operationName`.", None));
        }
        None => operations.into_iter().next().ok_or_else(|| ServerError::new("There is no operation.", None))?,
    };
    Ok((Some(found.0), found.1))
}

fn unknown_operation(name: &str) -> ServerError {
    ServerError::new(format!("Unknown operation named \"{name}\"."), None)
}

/// Every fragment is spread somewhere, and every spread is of a fragment: of all operations, since all of them make
/// the document.
fn check_fragments(document: &ExecutableDocument) -> Result<(), ServerError> {
    let mut used: HashSet<&str> = HashSet::new();
    let mut left: Vec<&SelectionSet> =
        document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node).collect();
    while let Some(set) = left.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => left.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => left.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name;
                    let Some(fragment) = document.fragments.get(&name.node) else {
                        return Err(ServerError::new(format!("Unknown fragment \"{}\".", name.node), Some(name.pos)));
                    };
                    if used.insert(name.node.as_str()) {
                        left.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    for (name, fragment) in &document.fragments {
        if !used.contains(name.as_str()) {
            return Err(ServerError::new(format!("Fragment \"{name}\" is never used."), Some(fragment.pos)));
        }
        if let Some(directive) = fragment.node.directives.first() {
            let about = format!("Directive \"@{}\" may not stand on a fragment's definition.", directive.node.name);
            return Err(ServerError::new(about, Some(directive.pos)));
        }
    }
    Ok(())
}

/// Fields at this level, those within fragments included.
fn fields(items: &[Positioned<Selection>]) -> usize {
    items
        .iter()
        .map(|item| match &item.node {
            Selection::InlineFragment(fragment) => fields(&fragment.node.selection_set.node.items),
            _ => 1,
        })
        .sum()
}

/// Where a selection set stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The selection sets around it, those of fragments included: everything that follows recurses into them.
    brackets: usize,
    /// The fields around it.
    depth: usize,
    /// The lists of members around it, where it is introspection.
    introspecting: Option<usize>,
}

struct Inliner<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    weights: Weights,
    introspection: bool,
    /// The fragments around.
    spreading: Vec<Name>,
    selections: usize,
    values: usize,
    logins: usize,
}

impl Inliner<'_> {
    fn selection_set(&mut self, set: &mut Positioned<SelectionSet>, around: Place) -> Result<(), ServerError> {
        if set.node.items.is_empty() {
            return Ok(());
        }
        let place = Place { brackets: around.brackets + 1, ..around };
        Limit::Brackets.check(place.brackets).map_err(|exceeded| at(set.pos, exceeded))?;
        for item in &mut set.node.items {
            let pos = item.pos;
            self.selections += 1;
            Limit::Selections.check(self.selections).map_err(|exceeded| at(pos, exceeded))?;
            if let Selection::FragmentSpread(spread) = &mut item.node {
                let name = spread.node.fragment_name.node.clone();
                let directives = std::mem::take(&mut spread.node.directives);
                let fragment = self.spread(&name, directives, place, pos)?;
                item.node = Selection::InlineFragment(fragment);
                continue;
            }
            conditions_around(item);
            match &mut item.node {
                Selection::Field(field) => {
                    self.arguments(&field.node.arguments, pos)?;
                    self.directives(&field.node.directives)?;
                    let place = self.field(field.node.name.node.as_str(), pos, place)?;
                    self.selection_set(&mut field.node.selection_set, place)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    self.selection_set(&mut fragment.node.selection_set, place)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    /// The fragment as it stands where it is spread.
    fn spread(
        &mut self,
        name: &Name,
        directives: Vec<Positioned<Directive>>,
        place: Place,
        pos: Pos,
    ) -> Result<Positioned<InlineFragment>, ServerError> {
        let Some(fragment) = self.fragments.get(name) else {
            return Err(ServerError::new(format!("Unknown fragment \"{name}\"."), Some(pos)));
        };
        if self.spreading.contains(name) {
            return Err(ServerError::new(format!("Fragment \"{name}\" is spread within itself."), Some(pos)));
        }
        self.directives(&directives)?;
        self.spreading.push(name.clone());
        // What is in it is counted now; the fragments that it spreads are still mere names in this copy.
        let mut selection_set = fragment.node.selection_set.clone();
        self.selection_set(&mut selection_set, place)?;
        self.spreading.pop();
        let type_condition = Some(fragment.node.type_condition.clone());
        Ok(Positioned::new(InlineFragment { type_condition, directives, selection_set }, pos))
    }

    /// Where the fields within a field stand.
    fn field(&mut self, name: &str, pos: Pos, place: Place) -> Result<Place, ServerError> {
        if let Some(lists) = place.introspecting {
            let lists = lists + usize::from(MEMBERS.contains(&name));
            Limit::IntrospectionLists.check(lists).map_err(|exceeded| at(pos, exceeded))?;
            return Ok(Place { introspecting: Some(lists), ..place });
        }
        if place.depth == 0 {
            if matches!(name, "__schema" | "__type") {
                if self.introspection {
                    return Ok(Place { introspecting: Some(0), ..place });
                }
                let about = format!("Introspection is switched off here: \"{name}\" cannot be asked for.");
                return Err(ServerError::new(about, Some(pos)));
            }
            self.logins += usize::from(LOGINS.contains(&name));
            Limit::Logins.check(self.logins).map_err(|exceeded| at(pos, exceeded))?;
        }
        let depth = place.depth + 1;
        Limit::Depth.check(depth).map_err(|exceeded| at(pos, exceeded))?;
        Ok(Place { depth, ..place })
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), ServerError> {
        directives.iter().try_for_each(|directive| self.arguments(&directive.node.arguments, directive.pos))
    }

    fn arguments(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)], pos: Pos) -> Result<(), ServerError> {
        for (_, value) in arguments {
            self.values = self.values.saturating_add(self.weights.of(&value.node));
            Limit::Values.check(self.values).map_err(|exceeded| at(pos, exceeded))?;
        }
        Ok(())
    }
}

/// Puts the conditions of a `__typename` around it: validation does not look at those of that field, and would take their
/// variables for unused.
fn conditions_around(item: &mut Positioned<Selection>) {
    let Selection::Field(field) = &mut item.node else { return };
    if field.node.name.node != "__typename" || field.node.directives.is_empty() {
        return;
    }
    let directives = std::mem::take(&mut field.node.directives);
    let items = vec![Positioned::new(Selection::Field(field.clone()), item.pos)];
    let selection_set = Positioned::new(SelectionSet { items }, item.pos);
    let fragment = InlineFragment { type_condition: None, directives, selection_set };
    item.node = Selection::InlineFragment(Positioned::new(fragment, item.pos));
}

fn at(pos: Pos, exceeded: Exceeded) -> ServerError {
    ServerError::new(exceeded.to_string(), Some(pos))
}
