//! What the parameters of lists say, and what tasks, projects and dates are called, for fuzz targets (`make fuzz`).

use chrono::Datelike;
use uuid::Uuid;

use crate::domain::{
    CreatedCursor, ProjectKey, RawPage, RawTaskQuery, SeqCursor, Slug, TaskId, TaskQuery, date, instant, show_date,
    show_instant,
};

/// Cursors of every list: what is taken can be compared by PostgreSQL.
pub fn cursors(text: &str) {
    if let Ok(Some(cursor)) = CreatedCursor::parse(text) {
        assert!((1..=9999).contains(&cursor.created_at().year()));
        assert_eq!(CreatedCursor::parse(&cursor.encode()), Ok(Some(cursor)));
    }
    if let Ok(Some(cursor)) = SeqCursor::parse(text) {
        assert_eq!(SeqCursor::parse(&cursor.encode()), Ok(Some(cursor)));
    }
    for sort in ["", "-created_at", "updated_at", "-due_date", "due_date", "task_id", "-task_id"] {
        let page = RawPage { cursor: text, ..RawPage::default() };
        let raw = RawTaskQuery { sort, page, ..RawTaskQuery::default() };
        let mut faults = Vec::new();
        let query = TaskQuery::parse(raw, Uuid::nil(), |name, _| faults.push(name));
        assert_eq!(query.is_none(), !faults.is_empty(), "a refusal is explained");
    }
}

/// Ids of tasks, keys and slugs of projects, dates, and every parameter of a list of tasks.
pub fn words(text: &str) {
    if let Some(id) = TaskId::parse(text) {
        assert!(id.number > 0 && id.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(day) = date(text) {
        assert_eq!(show_date(day), text.trim());
    }
    if let Ok(time) = instant(text) {
        assert_eq!(instant(&show_instant(time)), Ok(time), "what is shown is taken back");
    }
    let _ = (ProjectKey::parse(text).is_ok(), Slug::parse(text).is_ok());
    let raw = RawTaskQuery {
        status: text,
        assignee: text,
        q: text,
        due_before: text,
        due_after: text,
        sort: text,
        page: RawPage::default(),
    };
    if let Some(query) = TaskQuery::parse(raw, Uuid::nil(), |_, _| {}) {
        assert!(query.text.is_none_or(|text| !text.contains('\0') && text.chars().count() <= 200));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/seeds/cursors");
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            let text = std::fs::read_to_string(seed.expect("a file").path()).expect("a text");
            super::cursors(&text);
            super::words(&text);
        }
    }
}
