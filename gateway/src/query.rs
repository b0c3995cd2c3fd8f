//! Query parameters, strictly: what a route does not know is refused, never ignored.
//!
//! The router says which parameters a route takes; [`check`] stands in front of its handler, so that no route can
//! forget to look. Values of filters are judged by the service, which names the parameter it does not like.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use utoipa::IntoParams;

use crate::{params::decoded, problem::Problem};

/// More mistakes than these are not told.
const MOST_ERRORS: usize = 20;

/// The parameters of a request, none twice, all known to the route.
#[derive(Clone, Default)]
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Refuses every bad parameter at once, each by its name.
    pub(crate) fn parse(raw: Option<&str>, known: &'static [&'static str]) -> Result<Self, Problem> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        let mut problem = Problem::invalid_request("The query of the address is not right.");
        for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if problem.errors_mut().len() == MOST_ERRORS {
                break;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = text(name) else {
                problem =
                    problem.field(String::from_utf8_lossy(name.as_bytes()), "invalid", "is not percent-encoded UTF-8");
                continue;
            };
            let Some(&name) = known.iter().find(|known| **known == name) else {
                problem = problem.field(name, "unknown", "is not a parameter here");
                continue;
            };
            if found.iter().any(|(earlier, _)| *earlier == name) {
                problem = problem.field(name, "duplicate", "must be given once");
                continue;
            }
            match text(value) {
                None => problem = problem.field(name, "invalid", "is not percent-encoded UTF-8 without NUL"),
                Some(value) if value.is_empty() && !MAY_BE_EMPTY.contains(&name) => {
                    problem = problem.field(name, "invalid", "must not be empty");
                }
                Some(value) => found.push((name, value)),
            }
        }
        if problem.errors_mut().is_empty() { Ok(Self(found)) } else { Err(problem) }
    }

    /// The value, or an empty text where it is not given.
    pub fn take(&mut self, name: &'static str) -> String {
        let value = self.0.iter_mut().find(|(known, _)| *known == name);
        value.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// `limit` (0 where not given, which services take for the default) and `cursor`.
    pub fn page(&mut self) -> Result<(u32, String), Problem> {
        let given = self.0.iter().any(|(name, _)| *name == "limit");
        let limit = self.take("limit");
        // Digits alone: Rust would take a plus sign, too.
        let number = limit.parse().ok().filter(|_| limit.bytes().all(|byte| byte.is_ascii_digit()));
        match number {
            Some(limit @ 1..=100) => Ok((limit, self.take("cursor"))),
            None if !given => Ok((0, self.take("cursor"))),
            _ => Err(wrong("limit", "must be a number from 1 to 100")),
        }
    }

    /// `true` or `false`, which it is where it is not given.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.take(name).as_str() {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            _ => Err(wrong(name, "must be true or false")),
        }
    }
}

fn wrong(name: &str, what: &'static str) -> Problem {
    Problem::invalid_request("The query of the address is not right.").field(name, "invalid", what)
}

/// Form decoding: a plus sign is a space.
fn text(raw: &str) -> Option<String> {
    if raw.contains('+') { decoded(&raw.replace('+', " ")) } else { decoded(raw) }
}

/// In front of every handler.
pub async fn check(State(known): State<&'static [&'static str]>, mut request: Request, next: Next) -> Response {
    match Query::parse(request.uri().query(), known) {
        Ok(query) => {
            request.extensions_mut().insert(query);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.remove().unwrap_or_default())
    }
}

/// No parameter at all.
pub const NONE: &[&str] = &[];
/// The parameters of every list.
pub const PAGE: &[&str] = &["limit", "cursor"];
/// The parameters of lists of tasks.
pub const TASKS: &[&str] = &["limit", "cursor", "status", "assignee", "q", "due_before", "due_after", "sort"];

/// The parameters of one's own notifications.
pub const NOTIFICATIONS: &[&str] = &["limit", "cursor", "unread"];

/// Empty they say the same as absent: nothing is searched for, it is the first page.
const MAY_BE_EMPTY: &[&str] = &["q", "cursor"];

/// How the parameters of every list are documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes")]
pub struct PageParams {
    /// How many items at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before. Opaque.
    cursor: Option<String>,
}

/// How the parameters of lists of tasks are documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes")]
pub struct TaskParams {
    status: Option<crate::json::TaskStatus>,
    /// A user's id, `me` or `none`.
    assignee: Option<String>,
    /// Full text in title and description.
    q: Option<String>,
    /// Due earlier than this date or date-time (exclusive).
    due_before: Option<String>,
    /// Due later than this date or date-time (exclusive).
    due_after: Option<String>,
    /// `created_at` (default), `updated_at`, `due_date` or `task_id`; `-` first for descending.
    #[param(example = "-updated_at")]
    sort: Option<String>,
}

/// How the parameters of one's own notifications are documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes")]
pub struct NotificationParams {
    /// Only those that are not read.
    #[param(default = false)]
    unread: Option<bool>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused(raw: &str) -> Vec<(String, String)> {
        let mut problem = Query::parse(Some(raw), TASKS).err().unwrap();
        let errors = problem.errors_mut().iter();
        errors.map(|error| (error.field.clone(), error.code.to_string())).collect()
    }

    fn blame(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    #[test]
    fn values_are_decoded() {
        let mut query = Query::parse(Some("q=a+b%2B%C3%A9&&sort=-task_id&cursor"), TASKS).ok().unwrap();
        assert_eq!(query.take("q"), "a b+é");
        assert_eq!(query.take("sort"), "-task_id");
        assert_eq!(query.take("status"), "");
        assert_eq!(query.page().ok().unwrap(), (0, String::new()));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        assert_eq!(
            refused("x=1&q=1&q=2&status=%ff&sort=%00&assignee="),
            [
                blame("x", "unknown"),
                blame("q", "duplicate"),
                blame("status", "invalid"),
                blame("sort", "invalid"),
                blame("assignee", "invalid")
            ]
        );
    }

    #[test]
    fn of_very_many_mistakes_some_are_named() {
        let raw = vec!["x=1"; 10_000].join("&");
        assert_eq!(refused(&raw).len(), MOST_ERRORS);
    }

    #[test]
    fn flags() {
        let flag = |raw| Query::parse(Some(raw), NOTIFICATIONS).ok().unwrap().flag("unread");
        assert!(flag("unread=true").ok().unwrap());
        assert!(!flag("unread=false").ok().unwrap() && !flag("limit=5").ok().unwrap());
        for bad in ["unread=1", "unread=TRUE", "unread=yes"] {
            assert_eq!(flag(bad).err().unwrap().code(), "invalid_request", "{bad}");
        }
        assert!(Query::parse(Some("unread="), NOTIFICATIONS).is_err());
    }

    #[test]
    fn limits() {
        let page = |raw| Query::parse(Some(raw), PAGE).ok().unwrap().page();
        assert_eq!(page("limit=100&cursor=x").ok().unwrap(), (100, "x".into()));
        assert_eq!(refused("limit="), [blame("limit", "invalid")]);
        for bad in ["limit=0", "limit=101", "limit=%2B5", "limit=5.0", "limit=-1", "limit=x"] {
            assert_eq!(page(bad).err().unwrap().code(), "invalid_request", "{bad}");
        }
    }
}
