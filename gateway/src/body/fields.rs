//! The fields of a body: taken one by one by the type that names them, every fault noted.

use serde::de::IgnoredAny;
use serde_json::Value;
use trellis_rpc::Code;

use crate::problem::{FieldError, Problem};

/// Far more than any body has. What has more is no body of ours: it is not compared with itself, nor told field by field.
const MOST_FIELDS: usize = 64;

/// A body's type; made by [`body!`](crate::body!), so that decoding and its documentation are one.
pub trait Decode: Sized {
    fn decode(fields: &mut Fields) -> Self;
}

/// The fields of a body that are not yet taken, and what was wrong with those that were.
pub struct Fields {
    values: Vec<(String, Value)>,
    absent: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields {
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, Problem> {
        let Object { values, too_many } = serde_json::from_slice(raw).map_err(|error| {
            Problem::invalid_request(match error.classify() {
                serde_json::error::Category::Data => "The body must be a JSON object.".to_owned(),
                _ => format!("The body is not JSON (line {}, column {}).", error.line(), error.column()),
            })
        })?;
        if too_many {
            return Err(Problem::invalid_request(format!("The body has more than {MOST_FIELDS} fields.")));
        }
        let mut problem = Problem::invalid_request("The body names a field twice.");
        for (at, (name, _)) in values.iter().enumerate() {
            if values[..at].iter().any(|(earlier, _)| earlier == name) {
                problem = problem.field(name, "duplicate", "must be given once");
            }
        }
        if problem.errors_mut().is_empty() {
            Ok(Self { values, absent: Vec::new(), errors: Vec::new() })
        } else {
            Err(problem)
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.values.iter().position(|(known, _)| known == name)?;
        Some(self.values.remove(at).1)
    }

    fn text(&mut self, name: &'static str, value: Value) -> Option<String> {
        match value {
            Value::String(text) if text.contains('\0') => {
                self.wrong(name, "invalid", "must not contain a NUL character")
            }
            Value::String(text) => Some(text),
            Value::Null => self.wrong(name, "invalid_type", "must be a string, not null"),
            _ => self.wrong(name, "invalid_type", "must be a string"),
        }
    }

    fn wrong<T>(&mut self, field: &str, code: &'static str, message: &'static str) -> Option<T> {
        self.errors.push(FieldError { field: field.to_owned(), code: code.into(), message: message.into() });
        None
    }

    /// What is left is not known. `Ok` names the required fields that were not sent.
    pub(crate) fn finish(mut self) -> Result<Vec<&'static str>, Problem> {
        if !self.values.is_empty() {
            let mut problem = Problem::invalid_request("The body has a field that is not known.");
            for (name, _) in self.values {
                problem = problem.field(name, "unknown", "is not a field here");
            }
            return Err(problem);
        }
        if self.errors.is_empty() {
            return Ok(self.absent);
        }
        self.errors.extend(self.absent.into_iter().map(required));
        Err(Problem::of(Code::ValidationFailed, "Some fields are not right.").fields(self.errors))
    }
}

pub(super) fn required(field: &'static str) -> FieldError {
    FieldError { field: field.to_owned(), code: "required".into(), message: "is required".into() }
}

/// A JSON object that keeps what was sent, duplicates too.
struct Object {
    values: Vec<(String, Value)>,
    too_many: bool,
}

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut values = Vec::new();
                while values.len() < MOST_FIELDS {
                    match map.next_entry()? {
                        Some(entry) => values.push(entry),
                        None => return Ok(Object { values, too_many: false }),
                    }
                }
                // Whether it is JSON is still of interest.
                let mut too_many = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    too_many = true;
                }
                Ok(Object { values, too_many })
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// How a field's type takes its value.
pub trait Field: Sized {
    fn take(fields: &mut Fields, name: &'static str) -> Self;
}

/// Required.
impl Field for String {
    fn take(fields: &mut Fields, name: &'static str) -> Self {
        let Some(value) = fields.take(name) else {
            fields.absent.push(name);
            return Self::new();
        };
        fields.text(name, value).unwrap_or_default()
    }
}

/// May be left out, but not be null.
impl Field for Option<String> {
    fn take(fields: &mut Fields, name: &'static str) -> Self {
        let value = fields.take(name)?;
        fields.text(name, value)
    }
}

/// May be left out, but not be null.
impl Field for Option<bool> {
    fn take(fields: &mut Fields, name: &'static str) -> Self {
        match fields.take(name)? {
            Value::Bool(value) => Some(value),
            Value::Null => fields.wrong(name, "invalid_type", "must be true or false, not null"),
            _ => fields.wrong(name, "invalid_type", "must be true or false"),
        }
    }
}

/// May be left out, and null says "none": it clears where there is something to clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearable {
    Absent,
    Null,
    Value(String),
}

impl Clearable {
    /// For objects that are made new, where null and absent are one.
    pub fn value(self) -> Option<String> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(text) => Some(text),
        }
    }

    /// For objects that are changed: absent, present without a value, present with one.
    pub fn change(self) -> Option<trellis_proto::project::v1::Nullable> {
        let value = match self {
            Self::Absent => return None,
            Self::Null => None,
            Self::Value(text) => Some(text),
        };
        Some(trellis_proto::project::v1::Nullable { value })
    }
}

impl Field for Clearable {
    fn take(fields: &mut Fields, name: &'static str) -> Self {
        match fields.take(name) {
            None => Self::Absent,
            Some(Value::Null) => Self::Null,
            Some(value) => fields.text(name, value).map_or(Self::Absent, Self::Value),
        }
    }
}
