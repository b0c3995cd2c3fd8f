//! What an operator sees: values, refusals, the table.

#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, fs, net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::ExposeSecret;

use super::*;

fn settings(variables: &[(&str, &str)]) -> Settings {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::from_source(Box::new(move |name| variables.get(name).cloned()))
}

fn problems(settings: Settings) -> Vec<String> {
    settings.finish().unwrap_err().0
}

/// A file of this test alone, removed when dropped.
struct TempFile(PathBuf);

impl TempFile {
    fn holding(name: &str, text: &str) -> Self {
        let file = format!("trellis-settings-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn values_are_read_and_defaults_fill_the_rest() {
    let mut s = settings(&[("TRELLIS_LISTEN", " 0.0.0.0:8000 "), ("TRELLIS_PORT", "7"), ("TRELLIS_EMPTY", "")]);
    let listen: SocketAddr = s.or("TRELLIS_LISTEN", ([127, 0, 0, 1], 1).into(), "where");
    assert_eq!(listen.to_string(), "0.0.0.0:8000");
    assert_eq!(s.required::<u16>("TRELLIS_PORT", "port"), 7);
    assert_eq!(s.or("TRELLIS_EMPTY", 16_u32, "empty is not set"), 16);
    assert_eq!(s.optional::<u32>("TRELLIS_NONE", "absent"), None);
    assert!(s.optional_secret("TRELLIS_KEY", "absent").is_none());
    assert_eq!(s.finish().unwrap(), Vec::<String>::new());
}

#[test]
fn everything_wrong_is_told_at_once_and_by_name() {
    let mut s = settings(&[("TRELLIS_PORT", "seven"), ("TRELLIS_URL", "u:pw@host")]);
    s.required::<u16>("TRELLIS_PORT", "port");
    s.required::<u16>("TRELLIS_URL", "not even a number");
    s.required::<String>("TRELLIS_NAME", "the name of all");
    s.secret("TRELLIS_SECRET", "32 random bytes");
    s.or("TRELLIS_RATIO", 2.0, "0 to 1");
    s.refuse("TRELLIS_RATIO", "must be at most 1");
    s.refuse("TRELLIS_PORT", "is told already");
    assert_eq!(
        problems(s),
        [
            "TRELLIS_PORT: invalid digit found in string (it is \"seven\")",
            "TRELLIS_URL: invalid digit found in string",
            "TRELLIS_NAME is not set: the name of all",
            "TRELLIS_SECRET is not set: 32 random bytes",
            "TRELLIS_RATIO: must be at most 1",
        ]
    );
}

#[test]
fn a_file_can_hold_any_value() {
    let secret = TempFile::holding("secret", " se cret\n");
    let port = TempFile::holding("port", "81\r\n");
    let mut s = settings(&[("TRELLIS_SECRET_FILE", secret.path()), ("TRELLIS_PORT_FILE", port.path())]);
    let value = s.secret("TRELLIS_SECRET", "a secret");
    assert_eq!(value.expose_secret(), " se cret");
    assert_eq!(s.or("TRELLIS_PORT", 1_u16, "port"), 81);
    assert!(s.finish().is_ok());
}

#[test]
fn what_a_file_holds_is_never_shown() {
    let wrong = TempFile::holding("wrong", "hunter2");
    let empty = TempFile::holding("empty", "\n");
    let mut s = settings(&[
        ("TRELLIS_WRONG_FILE", wrong.path()),
        ("TRELLIS_EMPTY_FILE", empty.path()),
        ("TRELLIS_GONE_FILE", "/nowhere/at/all"),
        ("TRELLIS_TWICE", "hunter2"),
        ("TRELLIS_TWICE_FILE", wrong.path()),
    ]);
    s.or("TRELLIS_WRONG", 1_u16, "a number");
    s.secret("TRELLIS_EMPTY", "a secret");
    s.secret("TRELLIS_GONE", "a secret");
    s.secret("TRELLIS_TWICE", "a secret");
    let problems = problems(s);
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, name) in problems.iter().zip(["_WRONG", "_EMPTY", "_GONE", "_TWICE"]) {
        assert!(problem.starts_with(&format!("TRELLIS{name}: ")), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn names_that_nothing_declares_are_warned_about() {
    let mut s = settings(&[]);
    s.present = ["TRELLIS_LISTEN", "TRELLIS_LSTEN", "TRELLIS_LISTEN_FILE"].map(String::from).to_vec();
    s.or("TRELLIS_LISTEN", 1_u16, "port");
    let warnings = s.finish().unwrap();
    assert_eq!(warnings, ["TRELLIS_LSTEN is set, but this process knows no such variable"]);
}

#[test]
fn the_table_shows_every_declaration_once_in_order() {
    let mut s = settings(&[]);
    s.secret("TRELLIS_KEY", "the key");
    s.or("TRELLIS_TTL", Span(Duration::from_mins(15)), "a|b");
    s.optional::<u16>("TRELLIS_PORT", "the port");
    s.optional::<u16>("TRELLIS_PORT", "the port again");
    assert_eq!(
        s.table(),
        "| Variable | Default | Meaning |\n\
         |---|---|---|\n\
         | `TRELLIS_KEY` | required | the key |\n\
         | `TRELLIS_TTL` | `15m` | a\\|b |\n\
         | `TRELLIS_PORT` | – | the port |\n"
    );
}

#[test]
fn switches_and_spans_are_parsed_and_shown() {
    for (text, on) in [("on", true), ("TRUE", true), ("1", true), ("no", false), ("off", false)] {
        assert_eq!(text.parse(), Ok(Switch(on)));
    }
    assert!("maybe".parse::<Switch>().is_err());
    assert_eq!(Switch(true).to_string(), "on");
    for text in ["500ms", "5s", "15m", "12h", "7d", "1500ms", "0s"] {
        assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
    }
    assert_eq!("90s".parse(), Ok(Span(Duration::from_secs(90))));
    assert_eq!("24h".parse::<Span>().unwrap().to_string(), "1d");
    for wrong in ["", "5", "s", "-5s", "5 s", "1.5s", "5w", "99999999999999999999s", "99999999999999d"] {
        assert!(wrong.parse::<Span>().is_err(), "{wrong:?}");
    }
}
