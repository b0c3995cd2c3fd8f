//! What is looked at with the schema at hand: whether fields are there, whether variables fit, and how complex an
//! operation is. Notes, too, whether an operation was run at all.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{
    Positioned, Response, ServerError, ServerResult, ValidationResult, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextValidation},
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
        VariableDefinition,
    },
    registry::{MetaType, MetaTypeName, Registry},
};

use super::{
    limits::{Limit, MOST_ERRORS},
    merge, usages, variables,
};

/// In the data of an operation: whether it passed every check.
#[derive(Clone, Default)]
pub struct Ran(Arc<AtomicBool>);

impl Ran {
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct Rules;

impl ExtensionFactory for Rules {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Rules {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let mut document = next.run(ctx, query, variables).await?;
        let registry = &ctx.schema_env.registry;
        for operation in operations(&mut document.operations) {
            let root = root(registry, operation.node.ty).and_then(|name| registry.types.get(name));
            let OperationDefinition { variable_definitions: definitions, selection_set, .. } = &mut operation.node;
            Walk { registry, definitions, unknown: 0 }.through(root, selection_set)?;
            variables::check(registry, &operation.node, variables)?;
        }
        Ok(document)
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = next.run(ctx).await?;
        Limit::Complexity
            .check(valid.complexity)
            .map_err(|exceeded| vec![ServerError::new(exceeded.to_string(), None)])?;
        Ok(valid)
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        if let Some(ran) = ctx.data_opt::<Ran>() {
            ran.0.store(true, Ordering::Relaxed);
        }
        next.run(ctx, operation_name).await
    }
}

/// The type that an operation of this kind begins at.
pub fn root(registry: &Registry, kind: OperationType) -> Option<&str> {
    match kind {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_deref(),
        OperationType::Subscription => registry.subscription_type.as_deref(),
    }
}

fn operations(all: &mut DocumentOperations) -> Vec<&mut Positioned<OperationDefinition>> {
    match all {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    }
}

/// Goes through an operation: looks at how variables are used, counts fields that are not there, since each makes
/// validation look for names that are like it, which is not done for thousands of them, and merges what is to be one.
struct Walk<'a> {
    registry: &'a Registry,
    definitions: &'a [Positioned<VariableDefinition>],
    unknown: usize,
}

impl Walk<'_> {
    fn through(&mut self, parent: Option<&MetaType>, set: &mut Positioned<SelectionSet>) -> ServerResult<()> {
        merge::selections(parent.map(MetaType::name), &mut set.node);
        for item in &mut set.node.items {
            match &mut item.node {
                Selection::Field(field) => {
                    usages::check_conditions(self.definitions, &field.node.directives)?;
                    let name = field.node.name.node.as_str();
                    let Some(parent) = parent.filter(|_| name != "__typename") else {
                        continue;
                    };
                    let known = parent.fields().and_then(|fields| fields.get(name));
                    if known.is_none() {
                        self.unknown += 1;
                        if self.unknown > MOST_ERRORS {
                            let about = format!(
                                "Unknown field \"{name}\" on type \"{}\"; more than {MOST_ERRORS} fields are not there.",
                                parent.name()
                            );
                            return Err(ServerError::new(about, Some(item.pos)));
                        }
                    }
                    for (name, value) in &field.node.arguments {
                        if let Some(argument) = known.and_then(|known| known.args.get(name.node.as_str())) {
                            usages::check(self.registry, self.definitions, argument, &value.node, item.pos)?;
                        }
                    }
                    let within = known.map(|known| MetaTypeName::concrete_typename(&known.ty));
                    let within = within.and_then(|name| self.registry.types.get(name));
                    self.through(within, &mut field.node.selection_set)?;
                }
                Selection::InlineFragment(fragment) => {
                    usages::check_conditions(self.definitions, &fragment.node.directives)?;
                    let named = fragment.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    let on = named.map_or(parent, |name| self.registry.types.get(name.as_str()));
                    self.through(on, &mut fragment.node.selection_set)?;
                }
                // There are none any more.
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }
}
