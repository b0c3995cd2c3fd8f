//! What happened to a task, and the changed fields of an update (in an activity and in a live event alike).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use trellis_proto::project::v1 as project;
use utoipa::ToSchema;

use super::{Person, Time};
use crate::people::Found;

/// From what a field was changed, and to what; values as the object itself shows them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedField {
    #[schema(value_type = serde_json::Value)]
    pub from: Box<RawValue>,
    #[schema(value_type = serde_json::Value)]
    pub to: Box<RawValue>,
}

impl ChangedField {
    /// Of values that are JSON already.
    pub fn plain(from_json: String, to_json: String) -> Self {
        Self { from: raw(from_json), to: raw(to_json) }
    }
}

/// The ids of the people that changes name, to look up before encoding.
pub fn changed_people(changes: &[project::Change]) -> Vec<String> {
    changes
        .iter()
        .filter(|change| names_people(change))
        .flat_map(|change| [&change.from_json, &change.to_json])
        .filter_map(|json| serde_json::from_str::<Option<String>>(json).ok().flatten())
        .collect()
}

/// `{"status": {"from": "TODO", "to": "DONE"}, …}`
pub fn changes(changes: Vec<project::Change>, people: &Found) -> BTreeMap<String, ChangedField> {
    changes
        .into_iter()
        .map(|change| {
            let person = names_people(&change);
            let value = |json: String| {
                if person { person_json(&json, people) } else { raw(json) }
            };
            let field = ChangedField { from: value(change.from_json), to: value(change.to_json) };
            (change.field, field)
        })
        .collect()
}

/// Services know people by their ids alone.
fn names_people(change: &project::Change) -> bool {
    change.field == "assignee"
}

fn person_json(json: &str, people: &Found) -> Box<RawValue> {
    match serde_json::from_str::<Option<String>>(json) {
        Ok(Some(id)) => serde_json::value::to_raw_value(&people.person(&id)).unwrap_or_else(|_| null()),
        _ => null(),
    }
}

/// What is not JSON cannot come from a service of ours; a null keeps the rest of the answer readable.
fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_else(|_| null())
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// Who did what to a task, and when.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activity {
    #[schema(format = Uuid)]
    pub id: String,
    /// The kinds of the live events.
    #[schema(example = "task.updated")]
    pub kind: String,
    pub actor: Person,
    pub occurred_at: Time,
    /// Of `task.updated`: the changed fields.
    pub changes: BTreeMap<String, ChangedField>,
    /// Where it is about a comment.
    #[schema(required, format = Uuid)]
    pub comment_id: Option<String>,
}

impl Activity {
    pub fn new(activity: project::Activity, people: &Found) -> Self {
        Self {
            actor: people.person(&activity.actor_id),
            occurred_at: Time::always(activity.occurred_at.as_ref()),
            changes: changes(activity.changes, people),
            comment_id: (!activity.comment_id.is_empty()).then_some(activity.comment_id),
            id: activity.id,
            kind: activity.kind,
        }
    }

    /// The ids of the people to look up before encoding.
    pub fn people(activity: &project::Activity) -> Vec<String> {
        let mut ids = changed_people(&activity.changes);
        ids.push(activity.actor_id.clone());
        ids
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn change(field: &str, from: &str, to: &str) -> project::Change {
        project::Change { field: field.into(), from_json: from.into(), to_json: to.into() }
    }

    #[test]
    fn an_assignee_is_a_person_and_anything_else_stays_as_it_is() {
        let list = vec![change("assignee", "null", "\"u1\""), change("status", "\"TODO\"", "\"DONE\"")];
        assert_eq!(changed_people(&list), ["u1"]);
        let mut people = Found::default();
        people.insert(Person { id: "u1".into(), name: "Ann".into(), email: "ann@example.org".into() });
        let shown = serde_json::to_value(changes(list, &people)).unwrap();
        assert_eq!(
            shown,
            json!({
                "assignee": {"from": null, "to": {"id": "u1", "name": "Ann", "email": "ann@example.org"}},
                "status": {"from": "TODO", "to": "DONE"},
            })
        );
    }
}
