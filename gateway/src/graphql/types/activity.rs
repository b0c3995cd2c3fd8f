//! What happened to a task, and the changed fields of an update.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, Object, SimpleObject};
use serde_json::value::RawValue;
use trellis_proto::project::v1 as proto;

use super::User;
use crate::{
    graphql::{
        loaders::Loaders,
        scalars::{DateTime, GenericScalar},
    },
    json,
};

/// A changed field of a task, a project or an organization.
#[derive(Debug, Clone, PartialEq, SimpleObject)]
pub struct FieldChange {
    /// The field as REST names it: `status`, `due_date`, …
    pub field: String,
    /// The value before; of `assignee` `{id, name, email}`.
    pub from: Option<GenericScalar>,
    /// The value after.
    pub to: Option<GenericScalar>,
}

impl FieldChange {
    /// With the people looked up that the changes name.
    pub async fn load(loaders: &Loaders, changes: Vec<proto::Change>) -> Vec<Self> {
        let people = loaders.people(json::changed_people(&changes)).await;
        Self::all(json::changes(changes, &people))
    }

    /// Of changes as live frames carry them.
    pub fn all(changes: BTreeMap<String, json::ChangedField>) -> Vec<Self> {
        changes.into_iter().map(|(field, change)| Self::new(field, &change)).collect()
    }

    fn new(field: String, change: &json::ChangedField) -> Self {
        let value = |raw: &RawValue| serde_json::from_str(raw.get()).ok().flatten().map(GenericScalar);
        Self { field, from: value(&change.from), to: value(&change.to) }
    }
}

/// Who did what to a task, and when.
pub struct Activity(pub proto::Activity);

/// Who did what to a task, and when.
#[Object]
impl Activity {
    /// UUID.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// `task.created`, `task.updated`, `comment.created`, …
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Who did it.
    async fn actor(&self, ctx: &Context<'_>) -> User {
        Loaders::of(ctx).person(&self.0.actor_id).await
    }

    /// When.
    async fn occurred_at(&self) -> DateTime {
        DateTime::always(self.0.occurred_at.as_ref())
    }

    /// Of `task.updated`: what was changed.
    async fn changes(&self, ctx: &Context<'_>) -> Vec<FieldChange> {
        FieldChange::load(Loaders::of(ctx), self.0.changes.clone()).await
    }

    /// The comment, where it is about one.
    async fn comment_id(&self) -> Option<ID> {
        (!self.0.comment_id.is_empty()).then(|| ID(self.0.comment_id.clone()))
    }
}
