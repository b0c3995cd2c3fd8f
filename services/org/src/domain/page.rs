//! Pages of lists. Every list is ordered by a time and an id; a cursor names the last row that was given, so that it
//! stays right whatever is inserted or deleted.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;

/// As a client asks for it.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: String,
}

/// A place in a list: after this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: DateTime<Utc>,
    pub id: Uuid,
}

/// The stretch of a list to read.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub after: Cursor,
    limit: u32,
}

/// A page that was read, and the cursor of the next where there is one.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Before everything: no row is as old.
    const START: Self = Self { at: DateTime::<Utc>::UNIX_EPOCH, id: Uuid::nil() };

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
        // What no row can have was not made here; PostgreSQL's times end earlier than chrono's, too.
        let plausible = (0..=253_402_300_799).contains(&at.timestamp());
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
        let limit = match self.limit {
            0 => DEFAULT_LIMIT,
            limit @ 1..=MAX_LIMIT => limit,
            _ => return Err("limit"),
        };
        let after = match self.cursor.as_str() {
            "" => Cursor::START,
            cursor => Cursor::parse(cursor).ok_or("cursor")?,
        };
        Ok(Window { after, limit })
    }
}

impl Window {
    /// How many rows to ask for: one more than are given tells whether there is a next page.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the extra row off.
    pub fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> Cursor) -> Listed<T> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(place) } else { None };
        Listed { items, next }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request(limit: u32, cursor: &str) -> PageRequest {
        PageRequest { limit, cursor: cursor.to_owned() }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let at = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
        let cursor = Cursor { at, id: Uuid::now_v7() };
        assert_eq!(request(1, &cursor.to_string()).window().unwrap().after, cursor);
    }

    #[test]
    fn what_is_no_page_is_named() {
        assert_eq!(request(101, "").window().unwrap_err(), "limit");
        let wild = Cursor { at: DateTime::<Utc>::MAX_UTC, id: Uuid::nil() }.to_string();
        for bad in ["x", "AAAA", "=====", "ä", &wild, &"A".repeat(33)] {
            assert_eq!(request(0, bad).window().unwrap_err(), "cursor", "{bad}");
        }
        assert_eq!(request(0, "").window().unwrap().rows(), 51);
    }

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_next_one() {
        let window = request(2, "").window().unwrap();
        let place = |id: &u128| Cursor { at: DateTime::UNIX_EPOCH, id: Uuid::from_u128(*id) };
        let page = window.page(vec![1, 2, 3], place);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(place(&2))));
        assert!(window.page(vec![1, 2], place).next.is_none());
        assert!(window.page(vec![], place).next.is_none());
    }
}
