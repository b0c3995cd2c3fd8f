//! What was asked of the system and what it answered: the truth that its databases and sockets are compared with.

use std::{
    io::Write as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use uuid::Uuid;

/// The number of an entry; it stands at the end of the text that is written, so that it is found again.
pub type Number = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Task {
        project: Uuid,
    },
    Comment {
        task: Uuid,
    },
    /// Another description, on condition that nobody else changed the task.
    Edit {
        task: Uuid,
    },
    DeleteTask {
        task: Uuid,
    },
    DeleteComment {
        comment: Uuid,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Open,
    /// Acknowledged; what was made or changed.
    Yes(Uuid),
    /// Refused, by the first who can have done it.
    No(String),
    /// Nobody knows whether it was done.
    Unknown(String),
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub gateway: usize,
    pub begun: Instant,
    pub took: Duration,
    pub answer: String,
    /// It may have been done though it was not acknowledged.
    pub perhaps: bool,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub number: Number,
    pub what: What,
    pub user: Uuid,
    pub begun: Instant,
    pub attempts: Vec<Attempt>,
    pub outcome: Outcome,
}

impl Entry {
    pub fn is_yes(&self) -> bool {
        matches!(self.outcome, Outcome::Yes(_))
    }

    /// Whether its effect may be there.
    pub fn is_possible(&self) -> bool {
        !matches!(self.outcome, Outcome::No(_))
    }

    /// When the answer was there that acknowledged it.
    pub fn acknowledged(&self) -> Option<Instant> {
        let last = self.attempts.last().filter(|_| self.is_yes())?;
        Some(last.begun + last.took)
    }
}

pub struct Ledger {
    pub began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Ledger {
    pub fn new() -> Self {
        Self { began: Instant::now(), entries: Mutex::default() }
    }

    pub fn begin(&self, what: What, user: Uuid) -> Number {
        let mut entries = self.lock();
        let number = entries.len();
        let (begun, attempts, outcome) = (Instant::now(), Vec::new(), Outcome::Open);
        entries.push(Entry { number, what, user, begun, attempts, outcome });
        number
    }

    pub fn attempted(&self, number: Number, attempt: Attempt) {
        self.lock()[number].attempts.push(attempt);
    }

    pub fn end(&self, number: Number, outcome: Outcome) {
        self.lock()[number].outcome = outcome;
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// A line for each entry, for whoever looks for what went wrong.
    pub fn dump(&self, file: &Path) -> anyhow::Result<()> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
        let since = |moment: Instant| moment.duration_since(self.began).as_secs_f64();
        for entry in self.lock().iter() {
            let attempts: Vec<_> = entry
                .attempts
                .iter()
                .map(|attempt| {
                    json!({"gateway": attempt.gateway, "at": since(attempt.begun), "took": attempt.took.as_secs_f64(),
                           "answer": attempt.answer})
                })
                .collect();
            let line = json!({"number": entry.number, "what": format!("{:?}", entry.what), "user": entry.user,
                "at": since(entry.begun), "outcome": format!("{:?}", entry.outcome), "attempts": attempts});
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text that carries an entry's number.
pub fn marked(text: &str, number: Number) -> String {
    format!("{text} #{number}")
}

/// The number that a text carries.
pub fn mark_of(text: &str) -> Option<Number> {
    text.rsplit_once('#')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again() {
        assert_eq!(mark_of(&marked("a comment, C# even", 12)), Some(12));
        assert_eq!(mark_of("as it was"), None);
        assert_eq!(mark_of("a # in it"), None);
    }
}
