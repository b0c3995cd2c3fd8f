//! Which part of a list is asked for, and the page that its rows make.

use super::{Fault, invalid};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;
/// The longest list that is given as a whole.
pub const LONGEST_LIST: u32 = 10_000;

/// The part as a request says it; 0 and empty where not given.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawPage<'a> {
    pub limit: u32,
    pub cursor: &'a str,
    pub backward: bool,
    pub all: bool,
    pub with_cursors: bool,
}

/// The part that is asked for, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<C> {
    /// `None`: the whole list.
    limit: Option<u32>,
    /// Beyond this place, in the direction of the walk. `None`: from where the walk begins.
    pub from: Option<C>,
    /// The walk goes from the end of the list to its beginning; what it finds is shown in the list's order all the same.
    pub backward: bool,
    with_cursors: bool,
}

/// What of the rows is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown<T> {
    pub items: Vec<T>,
    /// Where the walk goes on; empty at its end.
    pub next_cursor: String,
    /// One for each item, where they are wanted.
    pub cursors: Vec<String>,
}

impl<C> Window<C> {
    /// Every bad parameter goes to `fault`, with its name.
    pub fn parse(
        raw: RawPage<'_>,
        cursor: impl FnOnce(&str) -> Result<Option<C>, Fault>,
        mut fault: impl FnMut(&'static str, Fault),
    ) -> Option<Self> {
        let mut bad = false;
        let mut note = |name, error| {
            bad = true;
            fault(name, error);
        };
        let mut limit = None;
        let mut from = None;
        if raw.all {
            let given = [("limit", raw.limit != 0), ("cursor", !raw.cursor.is_empty()), ("backward", raw.backward)];
            for (name, _) in given.into_iter().filter(|(_, given)| *given) {
                note(name, invalid("must not be given together with all"));
            }
        } else {
            match page_limit(raw.limit) {
                Ok(rows) => limit = Some(rows),
                Err(error) => note("limit", error),
            }
            from = cursor(raw.cursor).unwrap_or_else(|error| {
                note("cursor", error);
                None
            });
        }
        (!bad).then_some(Self { limit, from, backward: raw.backward, with_cursors: raw.with_cursors })
    }

    /// How many rows to read: one more than are shown, which says whether there are more.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit.unwrap_or(LONGEST_LIST)) + 1
    }

    pub fn is_whole(&self) -> bool {
        self.limit.is_none()
    }

    /// `rows` as they were read: in the direction of the walk, at most as many as `rows()` says.
    pub fn show<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> Shown<T> {
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut next_cursor = String::new();
        if rows.len() > limit {
            rows.truncate(limit);
            next_cursor = rows.last().map(&cursor).unwrap_or_default();
        }
        if self.backward {
            rows.reverse();
        }
        let cursors = if self.with_cursors { rows.iter().map(cursor).collect() } else { Vec::new() };
        Shown { items: rows, next_cursor, cursors }
    }
}

/// How many rows a page has; 0 says nothing.
fn page_limit(limit: u32) -> Result<u32, Fault> {
    match limit {
        0 => Ok(DEFAULT_LIMIT),
        1..=MAX_LIMIT => Ok(limit),
        _ => Err(invalid(format!("must be 1 to {MAX_LIMIT}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: RawPage<'_>) -> Result<Window<String>, Vec<&'static str>> {
        let mut names = Vec::new();
        let cursor = |text: &str| match text {
            "?" => Err(invalid("")),
            "" => Ok(None),
            text => Ok(Some(text.to_owned())),
        };
        Window::parse(raw, cursor, |name, _| names.push(name)).ok_or(names)
    }

    fn show(raw: RawPage<'_>, rows: &[i32]) -> Shown<i32> {
        parse(raw).expect("a window").show(rows.to_vec(), i32::to_string)
    }

    #[test]
    fn a_page_is_shown_in_the_order_of_the_list() {
        let two = RawPage { limit: 2, with_cursors: true, ..RawPage::default() };
        let cursors = |cursors: [&str; 2]| cursors.map(str::to_owned).to_vec();
        let forward = Shown { items: vec![1, 2], next_cursor: "2".into(), cursors: cursors(["1", "2"]) };
        assert_eq!(show(two, &[1, 2, 3]), forward);
        let backward = Shown { items: vec![8, 9], next_cursor: "8".into(), cursors: cursors(["8", "9"]) };
        assert_eq!(show(RawPage { backward: true, ..two }, &[9, 8, 7]), backward);
        let last = Shown { items: vec![1, 2], next_cursor: String::new(), cursors: Vec::new() };
        assert_eq!(show(RawPage { limit: 2, ..RawPage::default() }, &[1, 2]), last);
    }

    #[test]
    fn one_row_more_than_a_page_is_read() {
        assert_eq!(parse(RawPage::default()).map(|window| window.rows()), Ok(51));
        assert_eq!(parse(RawPage { limit: 100, ..RawPage::default() }).map(|window| window.rows()), Ok(101));
        assert_eq!(parse(RawPage { all: true, ..RawPage::default() }).map(|window| window.rows()), Ok(10_001));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let page = RawPage { limit: 101, cursor: "?", backward: true, ..RawPage::default() };
        assert_eq!(parse(page), Err(vec!["limit", "cursor"]));
        // The whole list has no part.
        assert_eq!(parse(RawPage { all: true, ..page }), Err(vec!["limit", "cursor", "backward"]));
        assert_eq!(parse(RawPage { all: true, cursor: "x", ..RawPage::default() }), Err(vec!["cursor"]));
    }
}
