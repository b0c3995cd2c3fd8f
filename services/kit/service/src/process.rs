//! The process around a service: settings, the command line, telemetry, signals.

use std::{env, process::ExitCode};

use trellis_settings::Settings;
use trellis_telemetry::Telemetry;

use crate::{Service, ServiceConfig};

/// All that a service's `main` does. `name` is the program's; `read` declares its variables; `bind` takes its port.
pub async fn main<C: AsRef<ServiceConfig>>(
    name: &'static str,
    read: impl FnOnce(&mut Settings) -> C,
    bind: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
) -> ExitCode {
    match run(name, read, bind).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run<C: AsRef<ServiceConfig>>(
    name: &'static str,
    read: impl FnOnce(&mut Settings) -> C,
    bind: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let config = read(&mut settings);
    if let Some(argument) = env::args().nth(1) {
        return answer(&argument, name, &settings, config.as_ref()).await;
    }
    let unknown = settings.finish()?;
    let telemetry = Telemetry::start(name, &config.as_ref().telemetry)?;
    for warning in unknown {
        tracing::warn!("{warning}");
    }
    let shutdown = trellis_rpc::shutdown_on_signal()?;
    let ended = async { Box::pin(bind(config).await?.run(shutdown)).await }.await;
    telemetry.shutdown().await;
    ended
}

/// What the process says instead of running. An error says that the answer is no.
#[expect(clippy::print_stdout, reason = "it was asked for")]
async fn answer(argument: &str, name: &str, settings: &Settings, config: &ServiceConfig) -> anyhow::Result<()> {
    match argument {
        "--settings" => println!("{}", settings.table().trim()),
        // Every crate of the workspace has the same.
        "--version" => println!("{name} {}", env!("CARGO_PKG_VERSION")),
        "--healthcheck" => anyhow::ensure!(trellis_rpc::is_ready(config.listen).await, "not ready"),
        other => anyhow::bail!("{other} is none of --settings, --version, --healthcheck"),
    }
    Ok(())
}
