//! Places in lists: opaque to clients, never a count of rows, so that they stay right while rows come and go.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Fault, invalid};

/// A place in the order of creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedCursor {
    micros: i64,
    pub id: Uuid,
}

impl CreatedCursor {
    pub fn new(created_at: DateTime<Utc>, id: Uuid) -> Self {
        Self { micros: created_at.timestamp_micros(), id }
    }

    pub fn created_at(&self) -> DateTime<Utc> {
        time_of(self.micros).unwrap_or_default()
    }

    pub fn encode(&self) -> String {
        encode(self)
    }

    /// `None` for an empty cursor.
    pub fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let cursor: Option<Self> = decode(text)?;
        if cursor.as_ref().is_some_and(|cursor| time_of(cursor.micros).is_none()) {
            return Err(not_ours());
        }
        Ok(cursor)
    }
}

/// A place in the order of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeqCursor {
    pub seq: i64,
}

impl SeqCursor {
    pub fn encode(&self) -> String {
        encode(self)
    }

    pub fn parse(text: &str) -> Result<Option<Self>, Fault> {
        decode(text)
    }
}

/// A time that a row can have: a forged cursor must not reach the database as one out of its range.
pub(super) fn time_of(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).filter(|time| (1..=9999).contains(&time.year()))
}

pub(super) fn encode<T: Serialize>(cursor: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).expect("a cursor is plain data"))
}

pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<Option<T>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| not_ours())?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| not_ours())
}

pub(super) fn not_ours() -> Fault {
    invalid("must be a cursor that the page before gave")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let cursor =
            CreatedCursor::new(DateTime::from_timestamp_micros(1_769_851_800_123_456).unwrap_or_default(), Uuid::max());
        assert_eq!(CreatedCursor::parse(&cursor.encode()), Ok(Some(cursor)));
        assert_eq!(CreatedCursor::parse(""), Ok(None));
    }

    #[test]
    fn anything_else_is_refused() {
        let far = CreatedCursor { micros: i64::MAX, id: Uuid::nil() }.encode();
        let seq = SeqCursor { seq: 4 }.encode();
        for text in ["x", "e30", "%%%", "bnVsbA", far.as_str(), seq.as_str()] {
            assert!(CreatedCursor::parse(text).is_err(), "{text}");
        }
    }
}
