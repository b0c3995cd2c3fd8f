//! Tests that fill the machine, or hold what happens against a bound of time: each alone, apart from all others.
#![allow(clippy::unwrap_used, clippy::too_many_lines, clippy::disallowed_methods, clippy::print_stdout)]

mod logins;
mod notifications;
mod numbering;
mod removal;
mod replicas;
mod rolling;
mod sessions;

use tokio::sync::{Mutex, MutexGuard};

/// A test's first line: waits until it is the only one.
async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}
