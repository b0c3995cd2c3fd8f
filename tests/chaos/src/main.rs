//! Starts a replicated cluster, breaks it at random while clients write and listen, and counts what was lost:
//! `make chaos`.
//!
//! | | |
//! |---|---|
//! | [`faults`] | the plan: what is broken when, by the seed |
//! | [`director`] | carries it out, on the main thread |
//! | [`cluster`], [`proxy`], [`store`] | what is broken: processes, the connections between them, what NATS stores |
//! | [`world`], [`client`] | who is there, and how they ask |
//! | [`writers`] (from the [`board`]), [`sockets`], [`members`] ([`logouts`], [`pulse`]), [`observer`] | who writes, listens, comes and goes, and looks on |
//! | [`ledger`], [`truth`] | what was asked and answered; what the databases say |
//! | [`check`], [`order`], [`notifications`] | the comparison |
//! | [`findings`], [`recovery`], [`report`] | what is said of it |

#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]
#![allow(clippy::disallowed_methods, reason = "the director is a synchronous program")]

mod board;
mod check;
mod client;
mod cluster;
mod director;
mod faults;
mod findings;
mod ledger;
mod logouts;
mod members;
mod notifications;
mod observer;
mod order;
mod proxy;
mod pulse;
mod recovery;
mod report;
mod run;
mod sockets;
mod store;
mod truth;
mod world;
mod writers;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use faults::Menu;

/// Breaks a replicated cluster at random while clients write and listen, and counts what was lost.
#[derive(Parser)]
#[command(version)]
pub struct Arguments {
    /// How long things are broken [default: 2; 5 for nats-down]
    #[arg(long)]
    minutes: Option<f64>,
    /// What a run is played again by [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Of each process
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// Sockets that listen all the time
    #[arg(long, default_value_t = 100)]
    sockets: usize,
    /// Writes a second, whatever the answers are
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
    #[arg(long, value_enum, default_value_t = Scenario::Faults)]
    scenario: Scenario,
    /// Which faults, instead of all: kill:project*3,cut:nats,freeze, or none
    #[arg(long)]
    faults: Option<Menu>,
    /// Where the binaries of the processes are [default: beside this one]
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Keep logs, data and ledger even where all is well
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Random faults, every few seconds
    Faults,
    /// NATS is away all the time: every write succeeds at once, sockets hear of it within 6 s
    NatsDown,
    /// 200 removals and 200 logouts, which reach sockets within a second
    Ends,
}

impl Arguments {
    /// Where none are given.
    pub fn usual() -> Self {
        Self::parse_from(["trellis-chaos"])
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    match run::run(&arguments, seed) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
