//! Configuration from environment variables: read, checked and documented in one place.
//!
//! A process declares each variable once, with its meaning and default. From the same declarations come the value,
//! the error that names the variable, and the table in the process's README (`<binary> --settings` prints it).
//! Every variable `NAME` can also be given as `NAME_FILE`, the path of a file that holds the value (secrets).
//! A variable that is set to nothing counts as not set.

mod source;
mod values;

use std::{fmt::Display, str::FromStr};

use secrecy::SecretString;

pub use source::Source;
use source::{Origin, Raw};
pub use values::{Span, Switch};

/// Reads declared variables and collects everything that is wrong with them.
pub struct Settings {
    source: Source,
    /// The `TRELLIS_…` names that are set; empty where the source is not the environment.
    present: Vec<String>,
    declared: Vec<Variable>,
    problems: Vec<String>,
}

/// One declared variable, as the README's table shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// `None`: required. `Some("")`: optional, without a default.
    pub default: Option<String>,
    pub help: &'static str,
}

/// All that is wrong, a line each, every line naming its variable.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// From the process's environment.
    pub fn from_env() -> Self {
        let (source, present) = source::environment();
        Self { present, ..Self::from_source(source) }
    }

    /// From any other source, for tests.
    pub fn from_source(source: Source) -> Self {
        Self { source, present: Vec::new(), declared: Vec::new(), problems: Vec::new() }
    }

    /// A required value. What is returned after a problem is `T::default()`; `finish` then refuses.
    pub fn required<T>(&mut self, name: &'static str, help: &'static str) -> T
    where
        T: FromStr<Err: Display> + Default,
    {
        self.declare(name, None, help);
        match self.raw(name) {
            Some(raw) => self.parse(name, &raw).unwrap_or_default(),
            None => self.missing(name, help),
        }
    }

    /// A value with a default.
    pub fn or<T>(&mut self, name: &'static str, default: T, help: &'static str) -> T
    where
        T: FromStr<Err: Display> + Display,
    {
        self.declare(name, Some(default.to_string()), help);
        let raw = self.raw(name);
        raw.and_then(|raw| self.parse(name, &raw)).unwrap_or(default)
    }

    /// A value that may be absent.
    pub fn optional<T>(&mut self, name: &'static str, help: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.declare(name, Some(String::new()), help);
        let raw = self.raw(name)?;
        self.parse(name, &raw)
    }

    /// A required secret; never shown in an error or a log.
    pub fn secret(&mut self, name: &'static str, help: &'static str) -> SecretString {
        self.declare(name, None, help);
        match self.raw(name) {
            Some(raw) => raw.value.into(),
            None => self.missing(name, help),
        }
    }

    /// A secret that may be absent.
    pub fn optional_secret(&mut self, name: &'static str, help: &'static str) -> Option<SecretString> {
        self.declare(name, Some(String::new()), help);
        Some(self.raw(name)?.value.into())
    }

    /// Marks a value that parsed but makes no sense (`name` must have been declared).
    pub fn refuse(&mut self, name: &'static str, why: impl Display) {
        debug_assert!(
            self.declared.iter().any(|variable| variable.name == name),
            "{name} is refused but was never declared"
        );
        // What could not be read was replaced by a stand-in, and to refuse that too would only confuse.
        if !self.problems.iter().any(|problem| names(problem, name)) {
            self.problems.push(format!("{name}: {why}"));
        }
    }

    /// The declarations so far, in order.
    pub fn variables(&self) -> &[Variable] {
        &self.declared
    }

    /// Markdown table of the declarations.
    pub fn table(&self) -> String {
        let mut table = String::from("| Variable | Default | Meaning |\n|---|---|---|\n");
        for Variable { name, default, help } in &self.declared {
            let default = match default.as_deref() {
                None => "required".to_owned(),
                Some("") => "–".to_owned(),
                Some(value) => format!("`{value}`"),
            };
            let row = format!("| `{name}` | {} | {} |\n", cell(&default), cell(help));
            table.push_str(&row);
        }
        table
    }

    /// `Ok` where every variable was right. Also names set `TRELLIS_…` variables that nothing declared, as a
    /// warning in the returned list.
    pub fn finish(self) -> Result<Vec<String>, SettingsError> {
        if !self.problems.is_empty() {
            return Err(SettingsError(self.problems));
        }
        let known = |name: &str| {
            let plain = name.strip_suffix(source::FILE_SUFFIX).unwrap_or(name);
            self.declared.iter().any(|variable| variable.name == name || variable.name == plain)
        };
        Ok(self
            .present
            .iter()
            .filter(|name| !known(name))
            .map(|name| format!("{name} is set, but this process knows no such variable"))
            .collect())
    }

    fn declare(&mut self, name: &'static str, default: Option<String>, help: &'static str) {
        if self.declared.iter().all(|variable| variable.name != name) {
            self.declared.push(Variable { name, default, help });
        }
    }

    /// What is given for a variable; `None` where nothing is, or where it cannot be read (which is then noted).
    fn raw(&mut self, name: &'static str) -> Option<Raw> {
        source::read(&self.source, name).unwrap_or_else(|problem| {
            self.problems.push(problem);
            None
        })
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, name: &'static str, raw: &Raw) -> Option<T> {
        let error = match raw.value.trim().parse() {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        // A file may hold a secret, and so may what stands before the `@` of a URL.
        self.problems.push(if raw.origin == Origin::File || raw.value.contains('@') {
            format!("{name}: {error}")
        } else {
            format!("{name}: {error} (it is \"{}\")", raw.value.trim())
        });
        None
    }

    fn missing<T: Default>(&mut self, name: &'static str, help: &'static str) -> T {
        // A file that cannot be read is told already.
        if !self.problems.iter().any(|problem| names(problem, name)) {
            self.problems.push(format!("{name} is not set: {help}"));
        }
        T::default()
    }
}

/// Whether a noted problem is about this variable.
fn names(problem: &str, name: &str) -> bool {
    problem.strip_prefix(name).is_some_and(|rest| rest.starts_with([':', ' ']))
}

/// Text that cannot break out of a cell of a markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests;
