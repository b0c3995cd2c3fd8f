//! Names of people and organizations.

use std::fmt;

use crate::{Refusal, required};

const CHARACTERS: usize = 100;

/// The name of a person or an organization: trimmed, 1–100 characters, no NUL.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Ok(Self(required(text, CHARACTERS)?.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// People stay out of logs.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::code;

    #[test]
    fn names_are_trimmed_and_counted_in_characters() {
        let name = Name::parse("  Änne Müller \n").unwrap();
        assert_eq!(name.as_str(), "Änne Müller");
        assert_eq!(format!("{name:?}"), "Name(…)");
        assert_eq!(code(Name::parse(&"ü".repeat(100))), "ok");
        assert_eq!(code(Name::parse(&"ü".repeat(101))), "too_long");
        assert_eq!(code(Name::parse("")), "required");
        assert_eq!(code(Name::parse(" \t\u{3000}")), "blank");
        assert_eq!(code(Name::parse("a\0b")), "invalid");
    }
}
