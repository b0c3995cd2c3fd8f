//! The process: reads its settings, starts telemetry, runs.

use std::{env, process::ExitCode};

use trellis_gateway::{app, command, config::Config};
use trellis_settings::Settings;
use trellis_telemetry::Telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trellis-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let config = Config::read(&mut settings);
    if let Some(argument) = env::args().nth(1) {
        return command::answer(&argument, &settings, &config);
    }
    let unknown = settings.finish()?;
    let telemetry = Telemetry::start("trellis-gateway", &config.telemetry)?;
    for warning in unknown {
        tracing::warn!("{warning}");
    }
    let ended = app::run(config, trellis_rpc::shutdown_on_signal()?).await;
    telemetry.shutdown().await;
    ended
}
