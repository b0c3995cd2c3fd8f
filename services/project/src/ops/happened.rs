//! What an event says to those who may have to be told of it. Pure: who they are is found out elsewhere.

use chrono::{DateTime, Utc};
use prost::Message as _;
use trellis_proto::project::v1::{self as pb, project_event::Object};
use uuid::Uuid;

use crate::{
    domain::{Kind, TaskRef},
    store::undigested::Logged,
};

/// An event that may be news to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    pub event_id: Uuid,
    pub actor: Option<Uuid>,
    /// The task's UUID.
    pub task: Uuid,
    /// As of the event, where it says that: a comment only names its task.
    pub task_then: Option<TaskRef>,
    /// To whom the task was given by it.
    pub assignee: Option<Uuid>,
    /// What was written: a description or a comment.
    pub text: String,
    /// What stood there before; nobody is told again who was mentioned in it.
    pub before: String,
    pub comment: Option<Uuid>,
    /// A new comment, with its time and number: those who followed the task then are told.
    pub new_comment: Option<(DateTime<Utc>, i64)>,
}

impl Happened {
    /// `None`: nothing that anybody is told of, or that cannot be read.
    pub fn read(logged: &Logged) -> Option<Self> {
        let event = pb::ProjectEvent::decode(&*logged.payload).ok()?;
        let kind = &*logged.kind;
        let it = Self {
            event_id: logged.id,
            actor: logged.actor,
            task: logged.subject?,
            task_then: None,
            assignee: None,
            text: String::new(),
            before: String::new(),
            comment: None,
            new_comment: None,
        };
        match event.object? {
            Object::Task(task) if kind == Kind::TaskCreated.as_str() => {
                let assignee = Uuid::try_parse(&task.assignee_id).ok();
                Some(Self { assignee, text: task.description.clone(), task_then: Some(task_ref(task)?), ..it })
            }
            Object::Task(task) if kind == Kind::TaskUpdated.as_str() => {
                let change = |field: &str| event.changes.iter().find(|change| change.field == field);
                let assignee = change("assignee").and_then(|change| json(&change.to_json));
                let description = change("description");
                Some(Self {
                    assignee: assignee.and_then(|id| Uuid::try_parse(&id).ok()),
                    // A description that was not changed mentions nobody anew; it is shown all the same.
                    before: description
                        .map_or_else(|| task.description.clone(), |change| json(&change.from_json).unwrap_or_default()),
                    text: task.description.clone(),
                    task_then: Some(task_ref(task)?),
                    ..it
                })
            }
            Object::Comment(comment) => {
                let new = kind == Kind::CommentCreated.as_str();
                if !new && kind != Kind::CommentUpdated.as_str() {
                    return None;
                }
                let at = comment
                    .created_at
                    .and_then(|at| DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).unwrap_or_default()));
                Some(Self {
                    comment: Some(Uuid::try_parse(&comment.id).ok()?),
                    new_comment: at.filter(|_| new).map(|at| (at, logged.seq)),
                    text: comment.content,
                    ..it
                })
            }
            _ => None,
        }
    }
}

fn task_ref(task: pb::Task) -> Option<TaskRef> {
    Some(TaskRef { id: Uuid::try_parse(&task.id).ok()?, task_id: task.task_id, title: task.title })
}

/// A value of a change that is a text.
fn json(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Uuid = Uuid::from_u128(7);

    fn read(kind: &str, object: Object, changes: &[(&str, &str, &str)]) -> Option<Happened> {
        let changes = changes.iter().map(|(field, from, to)| pb::Change {
            field: (*field).into(),
            from_json: (*from).into(),
            to_json: (*to).into(),
        });
        let payload = pb::ProjectEvent { object: Some(object), changes: changes.collect() }.encode_to_vec();
        let id = Uuid::from_u128(1);
        Happened::read(&Logged { id, seq: 3, kind: kind.into(), actor: Some(id), subject: Some(TASK), payload })
    }

    fn task() -> Object {
        Object::Task(pb::Task {
            id: TASK.to_string(),
            task_id: "WEB-1".into(),
            title: "Title".into(),
            description: "@bob".into(),
            assignee_id: Uuid::max().to_string(),
            ..pb::Task::default()
        })
    }

    #[test]
    fn a_task_names_its_assignee_once() {
        let made = read("task.created", task(), &[]).expect("news");
        assert_eq!((made.assignee, made.text.as_str(), made.before.as_str()), (Some(Uuid::max()), "@bob", ""));
        let renamed = read("task.updated", task(), &[("title", "\"a\"", "\"b\"")]).expect("news");
        assert_eq!((renamed.assignee, renamed.text == renamed.before), (None, true));
        let to = format!("\"{}\"", Uuid::nil());
        let given = read("task.updated", task(), &[("assignee", "null", &to)]).expect("news");
        assert_eq!(given.assignee, Some(Uuid::nil()));
        let cleared = read("task.updated", task(), &[("assignee", &to, "null")]).expect("news");
        assert_eq!(cleared.assignee, None);
        let edited = read("task.updated", task(), &[("description", "\"was\"", "\"@bob\"")]).expect("news");
        assert_eq!((edited.before.as_str(), edited.text.as_str()), ("was", "@bob"));
        assert_eq!(read("task.deleted", task(), &[]), None);
    }

    #[test]
    fn only_a_new_comment_is_told_to_followers() {
        let comment = || {
            Object::Comment(pb::Comment {
                id: Uuid::max().to_string(),
                content: "Hello".into(),
                created_at: Some(trellis_rpc::convert::timestamp(DateTime::UNIX_EPOCH)),
                ..pb::Comment::default()
            })
        };
        let made = read("comment.created", comment(), &[]).expect("news");
        assert_eq!((made.comment, made.new_comment), (Some(Uuid::max()), Some((DateTime::UNIX_EPOCH, 3))));
        let edited = read("comment.updated", comment(), &[]).expect("news");
        assert_eq!((edited.text.as_str(), edited.new_comment), ("Hello", None));
        assert_eq!(read("comment.deleted", comment(), &[]), None);
    }
}
