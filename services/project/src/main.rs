//! `trellis-project`: settings, telemetry, run.

use std::process::ExitCode;

use trellis_project::{app, config::Config};
use trellis_telemetry::Telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        None => run().await,
        Some("--settings") => print(Config::table().trim_end()),
        Some("--version") => print(concat!("trellis-project ", env!("CARGO_PKG_VERSION"))),
        Some("--healthcheck") => healthcheck().await,
        Some(_) => Err(anyhow::anyhow!("usage: trellis-project [--settings | --version | --healthcheck]")),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trellis-project: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<ExitCode> {
    let (config, warnings) = Config::from_env()?;
    let telemetry = Telemetry::start("trellis-project", &config.telemetry)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let done = app::run(config, trellis_rpc::shutdown_on_signal()?).await;
    telemetry.shutdown().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn healthcheck() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::from_env()?;
    Ok(if trellis_rpc::is_ready(config.listen).await { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "the answer to a question on the command line")]
fn print(text: &str) -> anyhow::Result<ExitCode> {
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}
