//! Pages of a list that is ordered by a time and an id, the newest first. A cursor names the last row that was given,
//! so that it stays right whatever is inserted or deleted.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;
/// What `all` gives at most; nobody reads so many at once.
const LONGEST: u32 = 1000;
/// Of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// As a client asks for it.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: String,
    /// As many as are given at once, from the beginning.
    pub all: bool,
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
    most: u32,
}

/// A page that was read, and the cursor of the next where there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Before everything: no row is as young.
    const START: Self = Self { at: DateTime::from_timestamp(LAST_SECOND, 0).expect("it is a time"), id: Uuid::max() };

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
    /// The stretch to read, or the name of the parameter that is not right.
    pub fn window(&self) -> Result<Window, &'static str> {
        if self.all {
            return self.whole();
        }
        let most = match self.limit {
            0 => DEFAULT_LIMIT,
            limit @ 1..=MAX_LIMIT => limit,
            _ => return Err("limit"),
        };
        let from = match self.cursor.as_str() {
            "" => Cursor::START,
            cursor => Cursor::parse(cursor).ok_or("cursor")?,
        };
        Ok(Window { from, most })
    }

    /// Has no place and no size: who sends them means something else.
    fn whole(&self) -> Result<Window, &'static str> {
        if self.limit != 0 {
            return Err("limit");
        }
        if !self.cursor.is_empty() {
            return Err("cursor");
        }
        Ok(Window { from: Cursor::START, most: LONGEST })
    }
}

impl Window {
    /// How many rows to ask for: one more than are given tells whether there are more.
    pub fn rows(&self) -> i64 {
        i64::from(self.most) + 1
    }

    /// Makes a page of the rows as they were read.
    pub fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> Cursor) -> Listed<T> {
        let more = items.len() > self.most as usize;
        items.truncate(self.most as usize);
        let next = if more { items.last().map(place) } else { None };
        Listed { items, next }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request(limit: u32, cursor: &str) -> PageRequest {
        PageRequest { limit, cursor: cursor.to_owned(), all: false }
    }

    fn place(id: &u128) -> Cursor {
        Cursor { at: DateTime::UNIX_EPOCH, id: Uuid::from_u128(*id) }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let at = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
        for cursor in [Cursor { at, id: Uuid::now_v7() }, Cursor::START, place(&0)] {
            assert_eq!(request(1, &cursor.to_string()).window().unwrap().from, cursor);
        }
    }

    #[test]
    fn what_is_no_page_is_named() {
        assert_eq!(request(101, "").window().unwrap_err(), "limit");
        let wild = Cursor { at: DateTime::<Utc>::MAX_UTC, id: Uuid::nil() }.to_string();
        for bad in ["x", "AAAA", "=====", "ä", &wild, &"A".repeat(33)] {
            assert_eq!(request(0, bad).window().unwrap_err(), "cursor", "{bad}");
        }
        assert_eq!(request(0, "").window().unwrap().rows(), 51);
        assert_eq!(request(100, "").window().unwrap().rows(), 101);
        let whole = |limit, cursor| PageRequest { all: true, ..request(limit, cursor) }.window();
        assert_eq!(whole(0, "").unwrap().rows(), 1001);
        assert_eq!(whole(1, "").unwrap_err(), "limit");
        assert_eq!(whole(0, &Cursor::START.to_string()).unwrap_err(), "cursor");
    }

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_next_one() {
        let window = request(2, "").window().unwrap();
        assert_eq!(window.page(vec![3, 2, 1], place), Listed { items: vec![3, 2], next: Some(place(&2)) });
        assert!(window.page(vec![2, 1], place).next.is_none());
        assert!(window.page(vec![], place).next.is_none());
    }

    #[test]
    fn the_places_that_other_lists_name_are_taken_or_refused() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/seeds/cursors");
        for seed in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(seed.unwrap().path()).unwrap();
            if let Ok(window) = request(0, &text).window() {
                assert_eq!(window.from.to_string(), text, "there is one spelling of it");
            }
        }
    }
}
