//! Query parameters of task lists: all that is wrong is told, cursors belong to their order.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::domain::ProjectRef;

const ME: Uuid = Uuid::from_u128(7);

fn parse(raw: RawTaskQuery<'_>) -> Result<TaskQuery, Vec<&'static str>> {
    let mut names = Vec::new();
    TaskQuery::parse(raw, ME, |name, _| names.push(name)).ok_or(names)
}

fn task(due_date: Option<DateTime<Utc>>) -> Task {
    Task {
        id: Uuid::from_u128(1),
        project: ProjectRef { id: Uuid::from_u128(2), slug: "web".into(), key: "WEB".into(), name: "Web".into() },
        number: 12,
        title: "t".into(),
        description: String::new(),
        status: TaskStatus::Todo,
        assignee_id: None,
        due_date,
        comment_count: 0,
        created_by: ME,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 1,
    }
}

#[test]
fn nothing_given_is_the_default_list() {
    let query = parse(RawTaskQuery::default()).expect("the default");
    assert_eq!((query.sort, query.window.rows(), query.window.from), (Sort::default(), 51, None));
}

#[test]
fn every_bad_parameter_is_named() {
    let raw = RawTaskQuery {
        status: "todo",
        assignee: "bob",
        q: "a\0",
        due_before: "soon",
        due_after: "2026-13-01",
        sort: "--title",
        page: RawPage { limit: 101, cursor: "!", ..RawPage::default() },
    };
    assert_eq!(parse(raw), Err(vec!["status", "assignee", "q", "due_before", "due_after", "sort", "limit", "cursor"]));
}

#[test]
fn a_cursor_fits_its_own_order_only() {
    let words =
        ["created_at", "-created_at", "updated_at", "-updated_at", "due_date", "-due_date", "task_id", "-task_id"];
    for given in words {
        let cursor = Sort::parse(given).expect("a sort").cursor(&task(None));
        for sort in words {
            let page = RawPage { cursor: &cursor, ..RawPage::default() };
            let parsed = parse(RawTaskQuery { sort, page, ..RawTaskQuery::default() });
            assert_eq!(parsed.is_ok(), given == sort, "{given} {sort}");
        }
    }
}

#[test]
fn a_cursor_remembers_that_there_is_no_date() {
    let sort = Sort::parse("-due_date").expect("a sort");
    let due = DateTime::from_timestamp_millis(1_769_851_800_123);
    for due in [None, due] {
        let cursor = sort.cursor(&task(due));
        assert_eq!(sort.parse_place(&cursor), Ok(Some(Place::Time(due, Uuid::from_u128(1)))));
    }
}
