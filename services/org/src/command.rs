//! What the process answers on the command line instead of running.

use trellis_settings::Settings;

use crate::config::Config;

/// An error says that the answer is no.
#[expect(clippy::print_stdout, reason = "it was asked for")]
pub async fn answer(argument: &str, settings: &Settings, config: &Config) -> anyhow::Result<()> {
    match argument {
        "--settings" => println!("{}", settings.table().trim()),
        "--version" => println!("trellis-org {}", env!("CARGO_PKG_VERSION")),
        "--healthcheck" => {
            anyhow::ensure!(trellis_rpc::is_ready(config.listen).await, "not ready");
        }
        other => anyhow::bail!("{other} is none of --settings, --version, --healthcheck"),
    }
    Ok(())
}
