//! Pages of lists. Every list is ordered by a time and an id; a cursor names the last row that was given, so that it
//! stays right whatever is inserted or deleted.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;
/// Of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// Most items of a list that is given whole.
pub const LONGEST: usize = 10_000;

/// As a client asks for it.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: String,
    /// What comes before the cursor, or at the end of the list, still in the list's own order.
    pub backward: bool,
    pub with_cursors: bool,
    /// The whole list, instead of a page of it.
    pub all: bool,
}

/// Why there is no such page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPage {
    /// The name of the parameter that is not right.
    Parameter(&'static str),
    /// Asked for whole, and longer than [`LONGEST`].
    TooLong,
}

/// A place in a list: this row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: DateTime<Utc>,
    pub id: Uuid,
}

/// The stretch of a list to read.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Where to begin to read; this row is not part of it.
    pub from: Cursor,
    /// To read the rows that the list has before `from`, the nearest first.
    pub backward: bool,
    with_cursors: bool,
    /// `None`: the whole list, if it is not longer than [`LONGEST`].
    limit: Option<u32>,
}

/// A page that was read, and the cursor of the next where there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<Cursor>,
    /// One for each item, where they were asked for.
    pub cursors: Vec<Cursor>,
}

impl Cursor {
    /// Before everything: no row is as old.
    const START: Self = Self { at: DateTime::<Utc>::UNIX_EPOCH, id: Uuid::nil() };
    /// After everything: no row is as young.
    const END: Self = Self { at: DateTime::from_timestamp(LAST_SECOND, 0).expect("it is a time"), id: Uuid::max() };

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
        // What no row can have was not made here; PostgreSQL's times end earlier than chrono's, too.
        let plausible = (0..=LAST_SECOND).contains(&at.timestamp());
        plausible.then_some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

/// Opaque to clients.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = Vec::with_capacity(24);
        // PostgreSQL keeps microseconds, so nothing is lost.
        bytes.extend_from_slice(&self.at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl PageRequest {
    /// The stretch to read of a list that begins with its oldest row.
    pub fn window(&self) -> Result<Window, BadPage> {
        self.between(Cursor::START, Cursor::END)
    }

    /// The same of a list that begins with its newest.
    pub fn newest_first(&self) -> Result<Window, BadPage> {
        self.between(Cursor::END, Cursor::START)
    }

    fn between(&self, start: Cursor, end: Cursor) -> Result<Window, BadPage> {
        if self.all {
            return self.whole(start);
        }
        let limit = match self.limit {
            0 => DEFAULT_LIMIT,
            limit @ 1..=MAX_LIMIT => limit,
            _ => return Err(BadPage::Parameter("limit")),
        };
        let from = match self.cursor.as_str() {
            "" if self.backward => end,
            "" => start,
            cursor => Cursor::parse(cursor).ok_or(BadPage::Parameter("cursor"))?,
        };
        Ok(Window { from, backward: self.backward, with_cursors: self.with_cursors, limit: Some(limit) })
    }

    /// Has no place and no size: who sends them means something else.
    fn whole(&self, start: Cursor) -> Result<Window, BadPage> {
        if self.limit != 0 {
            return Err(BadPage::Parameter("limit"));
        }
        if !self.cursor.is_empty() {
            return Err(BadPage::Parameter("cursor"));
        }
        Ok(Window { from: start, backward: false, with_cursors: self.with_cursors, limit: None })
    }
}

impl Window {
    /// How many rows to ask for: one more than are given tells whether there are more.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.most()).unwrap_or(i64::MAX - 1) + 1
    }

    fn most(&self) -> usize {
        self.limit.map_or(LONGEST, |limit| limit as usize)
    }

    /// Of a list that may be longer than anybody reads: whole means its first `most`, and a cursor for the rest.
    #[must_use]
    pub fn at_most(self, most: u32) -> Self {
        Self { limit: self.limit.or(Some(most)), ..self }
    }

    /// Makes a page of the rows as they were read.
    pub fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> Cursor) -> Result<Listed<T>, BadPage> {
        let more = items.len() > self.most();
        if more && self.limit.is_none() {
            return Err(BadPage::TooLong);
        }
        items.truncate(self.most());
        // The next page begins where this one was read last.
        let next = if more { items.last().map(&place) } else { None };
        if self.backward {
            items.reverse();
        }
        let cursors = if self.with_cursors { items.iter().map(place).collect() } else { Vec::new() };
        Ok(Listed { items, next, cursors })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request(limit: u32, cursor: &str) -> PageRequest {
        PageRequest { limit, cursor: cursor.to_owned(), ..PageRequest::default() }
    }

    fn place(id: &u128) -> Cursor {
        Cursor { at: DateTime::UNIX_EPOCH, id: Uuid::from_u128(*id) }
    }

    /// As the database reads a list.
    fn read(list: &[u128], request: &PageRequest) -> Listed<u128> {
        let window = request.window().unwrap();
        let beyond = |id: &&u128| {
            let (place, from) = (place(id), window.from);
            if window.backward {
                (place.at, place.id) < (from.at, from.id)
            } else {
                (place.at, place.id) > (from.at, from.id)
            }
        };
        let mut rows: Vec<_> = list.iter().filter(beyond).copied().collect();
        if window.backward {
            rows.reverse();
        }
        rows.truncate(usize::try_from(window.rows()).unwrap());
        window.page(rows, place).unwrap()
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let at = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
        for cursor in [Cursor { at, id: Uuid::now_v7() }, Cursor::START, Cursor::END] {
            assert_eq!(request(1, &cursor.to_string()).window().unwrap().from, cursor);
        }
    }

    #[test]
    fn what_is_no_page_is_named() {
        assert_eq!(request(101, "").window().unwrap_err(), BadPage::Parameter("limit"));
        let wild = Cursor { at: DateTime::<Utc>::MAX_UTC, id: Uuid::nil() }.to_string();
        for bad in ["x", "AAAA", "=====", "ä", &wild, &"A".repeat(33)] {
            assert_eq!(request(0, bad).window().unwrap_err(), BadPage::Parameter("cursor"), "{bad}");
        }
        assert_eq!(request(0, "").window().unwrap().rows(), 51);
        let whole = |limit, cursor| PageRequest { all: true, ..request(limit, cursor) }.window().unwrap_err();
        let newest = |backward, all| PageRequest { backward, all, ..request(0, "") }.newest_first().unwrap().from;
        assert_eq!(
            (newest(false, false), newest(true, false), newest(false, true)),
            (Cursor::END, Cursor::START, Cursor::END)
        );
        assert_eq!(whole(1, ""), BadPage::Parameter("limit"));
        assert_eq!(whole(0, &Cursor::START.to_string()), BadPage::Parameter("cursor"));
    }

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_next_one() {
        let window = request(2, "").window().unwrap();
        let page = window.page(vec![1, 2, 3], place).unwrap();
        assert_eq!((page.items, page.next, page.cursors), (vec![1, 2], Some(place(&2)), vec![]));
        assert!(window.page(vec![1, 2], place).unwrap().next.is_none());
        assert!(window.page(vec![], place).unwrap().next.is_none());
    }

    #[test]
    fn a_list_is_walked_in_both_directions_in_pages_of_every_size() {
        let list: Vec<u128> = (1..=7).collect();
        for (limit, backward) in (1..=8).flat_map(|limit| [(limit, false), (limit, true)]) {
            let mut pages = Vec::new();
            let mut cursor = String::new();
            loop {
                let request = PageRequest { backward, with_cursors: true, ..request(limit, &cursor) };
                let page = read(&list, &request);
                assert_eq!(page.cursors, page.items.iter().map(place).collect::<Vec<_>>());
                assert!(page.items.is_sorted(), "in the list's own order");
                pages.push(page.items);
                let Some(next) = page.next else { break };
                cursor = next.to_string();
            }
            if backward {
                pages.reverse();
            }
            assert_eq!(pages.concat(), list, "{limit} {backward}");
            assert_eq!(pages.len(), list.len().div_ceil(limit as usize), "and no page is empty");
        }
    }

    #[test]
    fn a_list_is_given_whole_up_to_a_length() {
        let whole = PageRequest { all: true, with_cursors: true, ..PageRequest::default() };
        let most = u128::try_from(LONGEST).unwrap();
        let list: Vec<u128> = (1..=most).collect();
        let page = read(&list, &whole);
        assert_eq!((page.items.len(), page.cursors.len(), page.next), (LONGEST, LONGEST, None));
        let window = whole.window().unwrap();
        assert_eq!(window.page((1..=most + 1).collect(), place), Err(BadPage::TooLong));
    }

    #[test]
    fn a_list_may_be_given_up_to_a_place_instead() {
        let whole = PageRequest { all: true, ..PageRequest::default() }.window().unwrap().at_most(2);
        let page = whole.page(vec![1, 2, 3], place).unwrap();
        assert_eq!((whole.rows(), page.items, page.next), (3, vec![1, 2], Some(place(&2))));
        assert_eq!(request(1, "").window().unwrap().at_most(2).rows(), 2, "a page is as long as it was");
    }
}
