//! The process.

use std::process::ExitCode;

use trellis_project::{app, config::Config};

#[tokio::main]
async fn main() -> ExitCode {
    trellis_service::main(env!("CARGO_PKG_NAME"), Config::read, app::bind).await
}
