//! A task's name for people: `WEB-1`.

use std::fmt;

/// The key of a project and the number of a task in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId {
    pub key: String,
    pub number: i64,
}

impl TaskId {
    /// In any case. What does not look like a task id is the id of no task.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, number) = text.rsplit_once('-')?;
        let is_key = (1..=10).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_number = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        if !is_key || !is_number {
            return None;
        }
        Some(Self { key: key.to_ascii_uppercase(), number: number.parse().ok()? })
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.key, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_is_the_same_task() {
        for text in ["WEB-12", "web-12", "wEb-12"] {
            assert_eq!(TaskId::parse(text).map(|id| id.to_string()).as_deref(), Some("WEB-12"));
        }
    }

    #[test]
    fn anything_else_is_no_task() {
        for text in [
            "",
            "-",
            "WEB",
            "WEB-",
            "-1",
            "WEB-0",
            "WEB-01",
            "WEB--1",
            "WEB-1x",
            "1WEB-1",
            "WEB -1",
            "WEB-+1",
            "ABCDEFGHIJK-1",
            "WEB-99999999999999999999",
            "WÉB-1",
        ] {
            assert_eq!(TaskId::parse(text), None, "{text:?}");
        }
    }
}
