//! Where a variable's text comes from: its name, or the file that `NAME_FILE` names.

use std::{collections::HashMap, env, fs};

/// Where variables come from; a seam so that tests need no process environment.
pub type Source = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(crate) const FILE_SUFFIX: &str = "_FILE";
const PREFIX: &str = "TRELLIS_";

/// A variable's text as it was given.
pub(crate) struct Raw {
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Variable,
    File,
}

/// The process's environment as it is now, and the names in it that are ours.
pub(crate) fn environment() -> (Source, Vec<String>) {
    let variables: HashMap<String, String> = env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let mut present: Vec<_> = variables.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
    present.sort();
    (Box::new(move |name: &str| variables.get(name).cloned()), present)
}

/// The text of one variable; `Err` names the variable and never tells the text.
pub(crate) fn read(source: &Source, name: &str) -> Result<Option<Raw>, String> {
    let given = |name: &str| source(name).filter(|value| !value.trim().is_empty());
    let file_name = format!("{name}{FILE_SUFFIX}");
    match (given(name), given(&file_name)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(format!("{name}: {name} and {file_name} are both set; keep one")),
        (Some(value), None) => Ok(Some(Raw { value, origin: Origin::Variable })),
        (None, Some(path)) => {
            let path = path.trim();
            let text = fs::read_to_string(path).map_err(|error| format!("{name}: cannot read {path}: {error}"))?;
            // Editors and `echo` end a file with a line break, which is no part of a secret.
            let value = text.trim_end_matches(['\r', '\n']).to_owned();
            if value.trim().is_empty() {
                return Err(format!("{name}: the file {path} is empty"));
            }
            Ok(Some(Raw { value, origin: Origin::File }))
        }
    }
}
