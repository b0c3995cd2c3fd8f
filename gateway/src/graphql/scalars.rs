//! `Date`, `DateTime` and `GenericScalar`, by the names that clients of the original declare their variables with.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as Instant, NaiveDate};
use prost_types::Timestamp;

use crate::json::Time;

/// A date `YYYY-MM-DD`; where a time is meant a date-time (RFC 3339) is taken, too. Empty counts as not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date(pub String);

/// A date `YYYY-MM-DD`; where a time is meant, a date-time (RFC 3339) is taken, too. Empty counts as not given.
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if is_date(text) => Ok(Self(text.clone())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if is_date(text))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

fn is_date(text: &str) -> bool {
    text.is_empty() || text.parse::<NaiveDate>().is_ok() || Instant::parse_from_rfc3339(text).is_ok()
}

impl Date {
    /// Services say "none" with an empty text.
    pub fn of(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// A moment, RFC 3339 in UTC: `2026-01-31T09:30:00.123Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime(pub String);

/// A moment, RFC 3339 in UTC: `2026-01-31T09:30:00.123Z`. A date is taken for 00:00 UTC of that day.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if is_date(text) && !text.is_empty() => Ok(Self(text.clone())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if is_date(text) && !text.is_empty())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl DateTime {
    pub fn of(time: Option<&Timestamp>) -> Option<Self> {
        Time::of(time).map(Self::from)
    }

    pub fn always(time: Option<&Timestamp>) -> Self {
        Time::always(time).into()
    }
}

impl From<Time> for DateTime {
    fn from(time: Time) -> Self {
        Self(time.to_string())
    }
}

/// Any JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct GenericScalar(pub serde_json::Value);

/// Any JSON.
#[Scalar]
impl ScalarType for GenericScalar {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
