//! The process around a service: settings, the command line, telemetry, signals.

use std::{env, pin::Pin, process::ExitCode};

use trellis_settings::Settings;
use trellis_telemetry::Telemetry;

use crate::{Service, ServiceConfig};

/// What one service can do instead of running, with its settings; its answer is printed.
pub struct Command<C> {
    argument: &'static str,
    run: Box<dyn FnOnce(C) -> Answer>,
}

type Answer = Pin<Box<dyn Future<Output = anyhow::Result<String>>>>;

impl<C> Command<C> {
    pub fn new<F>(argument: &'static str, run: impl FnOnce(C) -> F + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<String>> + 'static,
    {
        Self { argument, run: Box::new(|config| Box::pin(run(config))) }
    }
}

/// All that a service's `main` does. `name` is the program's; `read` declares its variables; `bind` takes its port.
pub async fn main<C: AsRef<ServiceConfig>>(
    name: &'static str,
    read: impl FnOnce(&mut Settings) -> C,
    bind: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
) -> ExitCode {
    main_with(name, read, bind, None).await
}

/// The same for a service that has a command of its own.
pub async fn main_with<C: AsRef<ServiceConfig>>(
    name: &'static str,
    read: impl FnOnce(&mut Settings) -> C,
    bind: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
    own: Option<Command<C>>,
) -> ExitCode {
    match run(name, read, bind, own).await {
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
    own: Option<Command<C>>,
) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let config = read(&mut settings);
    if let Some(argument) = env::args().nth(1) {
        return answer(&argument, name, settings, config, own).await;
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
async fn answer<C: AsRef<ServiceConfig>>(
    argument: &str,
    name: &str,
    settings: Settings,
    config: C,
    own: Option<Command<C>>,
) -> anyhow::Result<()> {
    match (argument, own) {
        ("--settings", _) => println!("{}", settings.table().trim()),
        // Every crate of the workspace has the same.
        ("--version", _) => println!("{name} {}", env!("CARGO_PKG_VERSION")),
        ("--healthcheck", _) => {
            let service = config.as_ref();
            anyhow::ensure!(trellis_rpc::is_ready_over(service.listen, &service.tls).await, "not ready");
        }
        (_, Some(own)) if argument == own.argument => {
            settings.finish()?;
            println!("{}", (own.run)(config).await?);
        }
        (other, own) => {
            let own = own.map(|own| format!(", {}", own.argument)).unwrap_or_default();
            anyhow::bail!("{other} is none of --settings, --version, --healthcheck{own}");
        }
    }
    Ok(())
}
