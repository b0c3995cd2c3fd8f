//! `trellis-org`: settings, telemetry, run.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use trellis_org::{app, config::Config};
use trellis_telemetry::Telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    match answer(std::env::args().nth(1).as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trellis-org: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "answers to questions on the command line"
)]
async fn answer(question: Option<&str>) -> anyhow::Result<()> {
    match question {
        None => return run().await,
        Some("--settings") => print!("{}", Config::table()),
        Some("--version") => println!("trellis-org {}", env!("CARGO_PKG_VERSION")),
        Some("--healthcheck") => ensure!(
            trellis_rpc::is_ready(Config::from_env()?.0.listen).await,
            "not ready"
        ),
        Some(_) => bail!("usage: trellis-org [--settings | --version | --healthcheck]"),
    }
    Ok(())
}

async fn run() -> anyhow::Result<()> {
    let (config, warnings) = Config::from_env()?;
    let telemetry = Telemetry::start("trellis-org", &config.telemetry)?;
    warnings
        .iter()
        .for_each(|warning| tracing::warn!("{warning}"));
    let done = app::run(config, trellis_rpc::shutdown_on_signal()?).await;
    telemetry.shutdown().await;
    done
}
