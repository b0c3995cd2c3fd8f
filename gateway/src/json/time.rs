//! Instants as RFC 3339 in UTC with milliseconds, written without allocating.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// `2026-01-31T09:30:00.123Z`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// `None` where absent.
    pub fn of(time: Option<&Timestamp>) -> Option<Self> {
        trellis_rpc::convert::datetime(time).map(Self)
    }

    /// Of a field that services always fill.
    pub fn always(time: Option<&Timestamp>) -> Self {
        Self::of(time).unwrap_or(Self(DateTime::UNIX_EPOCH))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.timestamp_subsec_millis().min(999)
        )
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_utc() {
        let time = Timestamp { seconds: 1_769_851_800, nanos: 123_456_789 };
        let shown = trellis_rpc::convert::datetime(Some(&time)).map(|t| Time(t).to_string());
        assert_eq!(shown.as_deref(), Some("2026-01-31T09:30:00.123Z"));
    }
}
