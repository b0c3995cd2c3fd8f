//! The launcher behind `make up`, `make down`, `make reset`, `make test` and `make generate`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Starts Trellis on this machine, with a private PostgreSQL and NATS.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the cluster and stay until Ctrl-C
    Up {
        /// The gateway's port on 127.0.0.1
        #[arg(long, default_value_t = 8000)]
        port: u16,
        /// Let the processes speak TLS to each other, with certificates under .local/tls
        #[arg(long)]
        tls: bool,
        /// How many of each process; the gateways take the port and those after it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
        replicas: u16,
    },
    /// Stop a cluster that runs
    Down,
    /// Stop it and forget its data, logs and secrets
    Reset,
    /// Run a command (`cargo test …`) with throw-away servers for the tests
    Test {
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Print the live events of a topic, a line each, until Ctrl-C
    Watch(trellis_local::watch::Watch),
    /// Write the generated files anew: query data, OpenAPI, tables of settings
    Generate,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Up { port, tls, replicas } => trellis_local::up::up(port, tls, replicas),
        Command::Down => trellis_local::up::down(),
        Command::Reset => trellis_local::up::reset(),
        Command::Test { command } => trellis_local::testing::run(&command),
        Command::Watch(watch) => watch.run(),
        Command::Generate => trellis_local::generate::generate(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            trellis_local::up::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
