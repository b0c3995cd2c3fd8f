//! From an entry of the event log to the `event` object that clients read, encoded once for all of them.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use prost::Message;
use serde::Serialize;
use trellis_proto::{
    event::v1::Event,
    project::v1::{ProjectEvent, project_event::Object},
};
use trellis_rpc::with_deadline;
use uuid::Uuid;

use super::ring::{Entry, Happened};
use crate::{
    cursor::Cursor,
    json::{self, AllRead, ChangedField, Comment, Forgotten, Notification, Person, Project, Task, Time},
    people::{Found, People},
};

/// Events do not wait longer than this for names; those that are known stand in.
const NAMES_WITHIN: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    kind: &'a str,
    /// Null where no user did it.
    actor: Option<Person>,
    occurred_at: Time,
    data: Data,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<BTreeMap<String, ChangedField>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Project(Box<Project>),
    Task(Box<Task>),
    Comment(Box<Comment>),
    Notification(Box<Notification>),
    AllRead(AllRead),
    Forgotten(Forgotten),
}

/// Encodes events of one scope; the people of all of them are looked up at once.
pub async fn encode(people: &People, events: Vec<(Cursor, Event)>) -> Vec<Arc<Entry>> {
    let decoded: Vec<_> = events
        .into_iter()
        .map(|(at, event)| {
            let payload = ProjectEvent::decode(event.payload.as_slice());
            (at, event, payload.inspect_err(|error| tracing::error!(%at, %error, "an event cannot be shown")).ok())
        })
        .collect();
    let ids: Vec<Cow<str>> = decoded.iter().flat_map(|(_, event, payload)| named(event, payload.as_ref())).collect();
    // On the heap: every feed has a task that may wait for this, and there is one for each user who listens.
    let found = Box::pin(with_deadline(NAMES_WITHIN, people.find(ids.iter().map(AsRef::as_ref)))).await;
    decoded.into_iter().map(|(at, event, payload)| Arc::new(entry(at, &event, payload, &found))).collect()
}

/// The ids of the people that an event names.
fn named<'a>(event: &'a Event, payload: Option<&'a ProjectEvent>) -> Vec<Cow<'a, str>> {
    let mut ids = vec![Cow::Borrowed(event.actor_id.as_str())];
    if let Some(payload) = payload {
        match &payload.object {
            Some(Object::Task(task)) => ids.extend(Task::people(task).map(Cow::Borrowed)),
            Some(Object::Comment(comment)) => ids.extend(Comment::people(comment).map(Cow::Borrowed)),
            Some(Object::Notification(notification)) => {
                ids.extend(Notification::people(notification).map(Cow::Borrowed));
            }
            Some(Object::Project(_) | Object::AllRead(_) | Object::Forgotten(_)) | None => {}
        }
        ids.extend(json::changed_people(&payload.changes).into_iter().map(Cow::Owned));
    }
    ids
}

/// What cannot be shown still takes its place in the order.
fn entry(at: Cursor, event: &Event, payload: Option<ProjectEvent>, people: &Found) -> Entry {
    let subject: Option<Uuid> = event.subject_id.parse().ok();
    let occurred_at = trellis_rpc::convert::datetime(event.occurred_at.as_ref()).map_or(0, |at| at.timestamp_micros());
    let actor = (!event.actor_id.is_empty()).then(|| people.person(&event.actor_id));
    let happened = payload.clone().map(|payload| Happened {
        kind: event.kind.as_str().into(),
        actor: actor.clone(),
        occurred_at: event.occurred_at,
        payload,
    });
    let shown = payload.and_then(|payload| {
        let data = match payload.object? {
            Object::Project(project) => Data::Project(Box::new(project.into())),
            Object::Task(task) => Data::Task(Box::new(Task::new(task, people))),
            Object::Comment(comment) => Data::Comment(Box::new(Comment::new(comment, people))),
            Object::Notification(notification) => {
                Data::Notification(Box::new(Notification::new(notification, people)?))
            }
            Object::AllRead(all_read) => Data::AllRead(all_read.into()),
            Object::Forgotten(forgotten) => Data::Forgotten(forgotten.into()),
        };
        let updated = matches!(event.kind.as_str(), "task.updated" | "project.updated");
        serde_json::to_string(&Shown {
            id: &event.id,
            kind: &event.kind,
            actor,
            occurred_at: Time::always(event.occurred_at.as_ref()),
            data,
            changes: updated.then(|| json::changes(payload.changes, people)),
        })
        .ok()
    });
    let mut entry = Entry::new(at, subject, occurred_at, shown.unwrap_or_default());
    if entry.shown()
        && let Some(happened) = happened
    {
        entry = entry.about(happened, event.payload.len());
    }
    if event.kind == "project.deleted" { entry.last() } else { entry }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};
    use trellis_proto::project::v1 as wire;

    use super::*;

    const AT: Cursor = Cursor { epoch: Uuid::from_u128(1), scope: Uuid::from_u128(2), seq: 3 };

    fn shown(event: &Event, payload: ProjectEvent) -> Value {
        let mut people = Found::default();
        for (id, name) in [("u1", "Ann"), ("u2", "Bob")] {
            people.insert(Person { id: id.into(), name: name.into(), email: format!("{name}@example.org") });
        }
        let entry = entry(AT, event, Some(payload), &people);
        let frame: Value = serde_json::from_str(&entry.frame(&"t".into())).unwrap();
        frame["event"].clone()
    }

    fn event(kind: &str) -> Event {
        let occurred_at = Some(prost_types::Timestamp { seconds: 1_769_851_800, nanos: 0 });
        Event { id: "e1".into(), kind: kind.into(), actor_id: "u1".into(), occurred_at, ..Event::default() }
    }

    #[test]
    fn a_comment_is_what_rest_shows() {
        let comment = wire::Comment {
            id: "c1".into(),
            task_id: "WEB-1".into(),
            content: "Hi".into(),
            author_id: "u2".into(),
            ..wire::Comment::default()
        };
        let payload = ProjectEvent { object: Some(Object::Comment(comment)), changes: Vec::new() };
        let shown = shown(&event("comment.created"), payload);
        assert_eq!(shown["id"], "e1");
        assert_eq!(shown["kind"], "comment.created");
        assert_eq!(shown["actor"], json!({"id": "u1", "name": "Ann", "email": "Ann@example.org"}));
        assert_eq!(shown["occurred_at"], "2026-01-31T09:30:00.000Z");
        assert_eq!(shown["data"]["author"]["name"], "Bob");
        assert_eq!(shown["data"]["task_id"], "WEB-1");
        assert_eq!(shown["data"]["edited_at"], Value::Null);
        assert!(shown.get("changes").is_none());
    }

    #[test]
    fn an_update_says_what_changed() {
        let change = |field: &str, from: &str, to: &str| wire::Change {
            field: field.into(),
            from_json: from.into(),
            to_json: to.into(),
        };
        let changes = vec![change("status", "\"TODO\"", "\"DONE\""), change("assignee", "null", "\"u2\"")];
        let task = wire::Task { id: "t1".into(), assignee_id: "u2".into(), ..wire::Task::default() };
        let payload = ProjectEvent { object: Some(Object::Task(task)), changes };
        let shown = shown(&event("task.updated"), payload);
        assert_eq!(shown["changes"]["status"], json!({"from": "TODO", "to": "DONE"}));
        assert_eq!(shown["changes"]["assignee"]["from"], Value::Null);
        assert_eq!(shown["changes"]["assignee"]["to"]["email"], "Bob@example.org");
        assert_eq!(shown["data"]["assignee"]["id"], "u2");
    }

    #[test]
    fn nobody_is_null() {
        let payload = ProjectEvent { object: Some(Object::Project(wire::Project::default())), changes: Vec::new() };
        let event = Event { actor_id: String::new(), ..event("project.deleted") };
        assert_eq!(shown(&event, payload)["actor"], Value::Null);
    }

    #[test]
    fn what_cannot_be_shown_keeps_its_place() {
        let entry = entry(AT, &event("later.kind"), Some(ProjectEvent::default()), &Found::default());
        assert!(!entry.shown() && entry.happened().is_none());
        assert_eq!(entry.at.seq, 3);
    }
}
