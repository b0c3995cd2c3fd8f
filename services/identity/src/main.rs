//! The process.

use std::process::ExitCode;

use trellis_identity::{app, config::Config};
use trellis_service::Command;

#[tokio::main]
async fn main() -> ExitCode {
    let rotate_keys = Command::new("--rotate-keys", app::rotate_keys);
    trellis_service::main_with(env!("CARGO_PKG_NAME"), Config::read, app::bind, Some(rotate_keys)).await
}
