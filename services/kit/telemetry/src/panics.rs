//! Panics as lines of the log: where, and not what.
//!
//! The message of a panic may hold what was being worked on (the text that was cut, the value that was not expected),
//! and that may be anybody's. The place is enough to find it.

use std::panic::{self, Location};

/// Instead of the message on the standard error output.
pub(crate) fn log() {
    panic::set_hook(Box::new(|panic| {
        let (file, line) = panic.location().map_or(("unknown", 0), |place: &Location<'_>| (place.file(), place.line()));
        tracing::error!(file, line, "a panic");
    }));
}
