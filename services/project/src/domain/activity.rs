//! Who changed what, from what, to what.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// One entry of a task's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    pub id: Uuid,
    pub seq: i64,
    pub kind: String,
    pub actor_id: Uuid,
    pub comment_id: Option<Uuid>,
    pub changes: Vec<Change>,
    pub occurred_at: DateTime<Utc>,
}

/// One changed field, with values as REST shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    pub from: Value,
    pub to: Value,
}

/// Collects what an update really changes; nothing collected means that nothing happens.
#[derive(Debug, Default)]
pub struct ChangeSet(Vec<Change>);

impl ChangeSet {
    /// Puts `to` in the place of `current` where it was sent and differs, and notes the change as `show` shows it.
    pub fn set<T: PartialEq + Clone>(
        &mut self,
        field: &str,
        current: &mut T,
        to: Option<T>,
        show: impl Fn(T) -> Value,
    ) {
        let Some(to) = to.filter(|to| to != current) else {
            return;
        };
        let from = std::mem::replace(current, to.clone());
        self.0.push(Change { field: field.to_owned(), from: show(from), to: show(to) });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<Change> {
        self.0
    }
}
