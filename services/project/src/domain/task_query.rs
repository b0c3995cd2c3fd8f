//! Which tasks a list shows, in which order, which part of it: the query parameters of the REST API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Fault, RawPage, Shown, Task, TaskStatus, Window, cursor, due, invalid};

/// The longest full-text query: what is longer is no search by a person, and costs.
const MAX_TEXT: usize = 200;

/// A list of tasks, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery {
    pub status: Option<TaskStatus>,
    pub assignee: Option<AssigneeFilter>,
    pub text: Option<String>,
    pub due_before: Option<DateTime<Utc>>,
    pub due_after: Option<DateTime<Utc>>,
    pub sort: Sort,
    pub window: Window<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssigneeFilter {
    User(Uuid),
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    CreatedAt,
    UpdatedAt,
    /// Tasks without a date come last in both directions.
    DueDate,
    /// By number; over the whole organization by key, then number.
    TaskId,
}

/// A place in the list, by what it is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Time(Option<DateTime<Utc>>, Uuid),
    Number(String, i64),
}

/// The parameters as they came; empty where not given.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawTaskQuery<'a> {
    pub status: &'a str,
    pub assignee: &'a str,
    pub q: &'a str,
    pub due_before: &'a str,
    pub due_after: &'a str,
    pub sort: &'a str,
    pub page: RawPage<'a>,
}

impl TaskQuery {
    /// `me` is who asks. Every bad parameter goes to `fault`, with its name.
    pub fn parse(raw: RawTaskQuery<'_>, me: Uuid, mut fault: impl FnMut(&'static str, Fault)) -> Option<Self> {
        let mut bad = false;
        let mut note = |name, error| {
            bad = true;
            fault(name, error);
        };
        let status = given(raw.status, TaskStatus::parse).unwrap_or_else(|error| {
            note("status", error);
            None
        });
        let assignee = given(raw.assignee, |text| AssigneeFilter::parse(text, me)).unwrap_or_else(|error| {
            note("assignee", error);
            None
        });
        let text = given(raw.q.trim(), parse_text).unwrap_or_else(|error| {
            note("q", error);
            None
        });
        let due_before = given(raw.due_before, due::instant).unwrap_or_else(|error| {
            note("due_before", error);
            None
        });
        let due_after = given(raw.due_after, due::instant).unwrap_or_else(|error| {
            note("due_after", error);
            None
        });
        let sort = given(raw.sort, Sort::parse).unwrap_or_else(|error| {
            note("sort", error);
            None
        });
        let sort = sort.unwrap_or_default();
        let window = Window::parse(raw.page, |text| sort.parse_place(text), &mut note)?;
        (!bad).then_some(Self { status, assignee, text, due_before, due_after, sort, window })
    }

    /// What is shown of the tasks that were read.
    pub fn show(&self, rows: Vec<Task>) -> Shown<Task> {
        self.window.show(rows, |task| self.sort.cursor(task))
    }
}

fn given<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn parse_text(text: &str) -> Result<String, Fault> {
    trellis_text::bounded(text, MAX_TEXT).map(str::to_owned)
}

impl AssigneeFilter {
    fn parse(text: &str, me: Uuid) -> Result<Self, Fault> {
        match text {
            "me" => Ok(Self::User(me)),
            "none" => Ok(Self::Nobody),
            id => Uuid::try_parse(id).map(Self::User).map_err(|_| invalid("must be a user id, me or none")),
        }
    }
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: SortKey::CreatedAt, descending: false }
    }
}

impl Sort {
    fn parse(text: &str) -> Result<Self, Fault> {
        let (descending, word) = match text.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, text),
        };
        let key = match word {
            "created_at" => SortKey::CreatedAt,
            "updated_at" => SortKey::UpdatedAt,
            "due_date" => SortKey::DueDate,
            "task_id" => SortKey::TaskId,
            _ => {
                return Err(invalid(
                    "must be created_at, updated_at, due_date or task_id, with - first for descending",
                ));
            }
        };
        Ok(Self { key, descending })
    }

    /// The place of this task.
    fn cursor(self, task: &Task) -> String {
        let time = |time: Option<DateTime<Utc>>| Token {
            order: self.word(),
            micros: time.map(|time| time.timestamp_micros()),
            id: Some(task.id),
            ..Token::default()
        };
        cursor::encode(&match self.key {
            SortKey::CreatedAt => time(Some(task.created_at)),
            SortKey::UpdatedAt => time(Some(task.updated_at)),
            SortKey::DueDate => time(task.due_date),
            SortKey::TaskId => Token {
                order: self.word(),
                key: Some(task.project.key.clone()),
                number: Some(task.number),
                ..Token::default()
            },
        })
    }

    /// A cursor belongs to the order that it was given in.
    fn parse_place(self, text: &str) -> Result<Option<Place>, Fault> {
        let Some(token) = cursor::decode::<Token>(text)? else {
            return Ok(None);
        };
        token.place(self).map(Some).ok_or_else(cursor::not_ours)
    }

    fn word(self) -> String {
        let word = match self.key {
            SortKey::CreatedAt => "c",
            SortKey::UpdatedAt => "u",
            SortKey::DueDate => "d",
            SortKey::TaskId => "n",
        };
        format!("{}{word}", if self.descending { "-" } else { "" })
    }
}

/// The cursor on the wire.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Token {
    order: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    micros: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
}

impl Token {
    fn place(self, sort: Sort) -> Option<Place> {
        if self.order != sort.word() {
            return None;
        }
        if sort.key == SortKey::TaskId {
            return Some(Place::Number(self.key.filter(|key| !key.contains('\0'))?, self.number?));
        }
        let time = match self.micros {
            Some(micros) => Some(cursor::time_of(micros)?),
            None if sort.key == SortKey::DueDate => None,
            None => return None,
        };
        Some(Place::Time(time, self.id?))
    }
}

#[cfg(test)]
#[path = "task_query_tests.rs"]
mod tests;
