//! Values of requests that several use cases judge alike.

use chrono::{DateTime, NaiveDate, Utc};
use trellis_proto::project::v1::{Nullable, Page};
use trellis_rpc::{Code, Problem, Violations};
use uuid::Uuid;

use super::{Member, Ops};
use crate::{
    domain::{self, Fault, RawPage, Window},
    error::{Error, Resource},
};

/// What was sent for a field that can be cleared: `None` leaves it, `Some(None)` clears it.
pub type Cleared<T> = Option<Option<T>>;

/// Only null clears: an empty text is a value, and none that anything can have.
pub fn clearable(sent: Option<&Nullable>) -> Cleared<&str> {
    sent.map(|sent| sent.value.as_deref().map(str::trim))
}

/// A value that was sent, judged; what was not sent is none.
pub fn sent<T>(
    violations: &mut Violations,
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> Option<T> {
    violations.check(field, parse(text?))
}

/// The same for a field that can be cleared.
pub fn sent_clearable<T>(
    violations: &mut Violations,
    field: &str,
    text: Cleared<&str>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> Cleared<T> {
    match text? {
        None => Some(None),
        Some(text) => violations.check(field, parse(text)).map(Some),
    }
}

/// Text of a creation; an empty one was given, too.
pub fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim)
}

pub fn show_id(id: Option<Uuid>) -> serde_json::Value {
    id.map(|id| id.to_string()).into()
}

pub fn show_day(day: Option<NaiveDate>) -> serde_json::Value {
    day.map(domain::show_date).into()
}

pub fn show_time(time: Option<DateTime<Utc>>) -> serde_json::Value {
    time.map(domain::show_instant).into()
}

/// `Err(validation_failed)` with every bad field.
pub fn all_valid(violations: Violations) -> Result<(), Error> {
    violations.finish().map_err(Error::Invalid)
}

/// `Err(invalid_request)` with every bad query parameter.
pub fn all_known(violations: Violations) -> Result<(), Error> {
    violations.finish().map_err(|problem| {
        let names: Vec<_> = problem.fields.iter().map(|field| field.field.as_str()).collect();
        let detail = format!("Bad query parameters: {}.", names.join(", "));
        Error::Invalid(Problem { detail, code: Code::InvalidRequest, ..problem })
    })
}

pub fn raw_page(page: Option<&Page>) -> RawPage<'_> {
    page.map_or_else(RawPage::default, |page| RawPage {
        limit: page.limit,
        cursor: &page.cursor,
        backward: page.backward,
        all: page.all,
        with_cursors: page.with_cursors,
    })
}

/// The part of a list that is asked for.
pub fn window<C>(
    page: Option<&Page>,
    cursor: impl FnOnce(&str) -> Result<Option<C>, Fault>,
) -> Result<Window<C>, Error> {
    let mut violations = Violations::new();
    let window = Window::parse(raw_page(page), cursor, |name, (code, message)| {
        violations.push(name, code, message);
    });
    all_known(violations)?;
    Ok(window.expect("a window without a fault is whole"))
}

/// Refuses a change of what is not as the client knows it.
pub fn same_version(expected: Option<u64>, version: i64, resource: Resource) -> Result<(), Error> {
    match expected {
        Some(expected) if i64::try_from(expected) != Ok(version) => Err(Error::VersionMismatch(resource)),
        _ => Ok(()),
    }
}

/// Who a task is for, as a request says it.
#[derive(Debug, Clone, Copy)]
pub struct SentAssignee<'a> {
    pub id: Cleared<&'a str>,
    pub email: Cleared<&'a str>,
}

impl Ops {
    /// Judges the assignee: a member of the organization. Whoever it is at the moment (`current`) may stay, member or
    /// not.
    pub(super) async fn assignee(
        &self,
        member: &Member<'_>,
        sent: SentAssignee<'_>,
        current: Option<Uuid>,
        violations: &mut Violations,
    ) -> Result<Cleared<Uuid>, Error> {
        let (field, user) = match (sent.id, sent.email) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                violations.push("assignee_email", "invalid", "must not be given together with assignee_id");
                return Ok(None);
            }
            (Some(None), None) | (None, Some(None)) => return Ok(Some(None)),
            (Some(Some(id)), None) => {
                let Ok(id) = Uuid::try_parse(id) else {
                    violations.push("assignee_id", "invalid", "must be a user id");
                    return Ok(None);
                };
                ("assignee_id", id)
            }
            (None, Some(Some(email))) => {
                let user = if email.contains('\0') { None } else { self.people.with_email(email).await? };
                let Some(id) = user else {
                    violations.push("assignee_email", "not_found", "User with this email not found");
                    return Ok(None);
                };
                ("assignee_email", id)
            }
        };
        // Who asks is a member: that was just checked.
        let allowed =
            Some(user) == current || user == member.id() || self.people.is_member(member.org_id(), user).await?;
        if allowed {
            Ok(Some(Some(user)))
        } else {
            violations.push(field, "not_a_member", "Assignee must be a member of the organization");
            Ok(None)
        }
    }
}
