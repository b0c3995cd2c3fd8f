//! The processes of one cluster, one or several of each kind, on a PostgreSQL and a NATS that run already.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::{
    environment::{self, Ports, kind_of},
    process::{Plan, Process, last_lines},
    secrets::Secrets,
};

/// How long a process may take to end after SIGTERM (each takes at most 25 s).
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Cluster {
    /// By name, all of them: `gateway`, `gateway-2`, …
    pub processes: BTreeMap<String, Process>,
    pub ports: Ports,
}

impl Cluster {
    /// Starts as many of each kind as `ports` has ports for; `wait_ready` then waits for them. `adapt` is given each
    /// process's name and environment, which it may change.
    pub fn start(
        binaries: &Path,
        folder: &Path,
        logs: &Path,
        ports: Ports,
        secrets: &Secrets,
        databases: &BTreeMap<String, String>,
        adapt: impl Fn(&str, &mut BTreeMap<String, String>),
    ) -> anyhow::Result<Self> {
        let mut processes = BTreeMap::new();
        for name in ports.names() {
            let mut environment = environment::of(&name, &ports, secrets, databases)?;
            adapt(&name, &mut environment);
            let process = Process::start(Plan {
                program: program(binaries, kind_of(&name).0)?,
                arguments: Vec::new(),
                environment,
                user: None,
                folder: folder.to_owned(),
                log: logs.join(format!("{name}.log")),
                stop: Signal::TERM,
                name: name.clone(),
            })?;
            processes.insert(name, process);
        }
        Ok(Self { processes, ports })
    }

    /// The first gateway's base URL.
    pub fn url(&self) -> String {
        self.urls().swap_remove(0)
    }

    /// Every gateway's base URL.
    pub fn urls(&self) -> Vec<String> {
        self.ports.gateway.iter().map(|port| format!("http://127.0.0.1:{port}")).collect()
    }

    /// Waits until every process is ready; one that ends meanwhile is an error that names it.
    pub fn wait_ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        // Gateways first: they wait for the others, so that those are mostly asked once.
        for name in self.ports.names().into_iter().rev() {
            while !self.is_ready(&name)? {
                self.check()?;
                if Instant::now() > deadline {
                    let log = &self.processes[&name].plan.log;
                    bail!("{name} is not ready after {} s. Its log: {}", patience.as_secs(), log.display());
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// Whether a process says of itself that it serves.
    pub fn is_ready(&self, name: &str) -> anyhow::Result<bool> {
        let (kind, index) = kind_of(name);
        if kind == "gateway" {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build().into();
            return Ok(agent.get(format!("{}/readyz", self.urls()[index])).call().is_ok());
        }
        let plan = &self.processes[name].plan;
        let output = std::process::Command::new(&plan.program)
            .arg("--healthcheck")
            .envs(&plan.environment)
            .output()
            .with_context(|| format!("cannot run {} --healthcheck", plan.program.display()))?;
        Ok(output.status.success())
    }

    /// An error that names the first process that has ended, and where its log is.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for process in self.processes.values_mut() {
            if let Some(status) = process.ended() {
                bail!("{}", obituary(&process.plan, status));
            }
        }
        Ok(())
    }

    pub fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).unwrap_or_else(|| panic!("{name} is none of the processes"))
    }

    /// Ends the gateways first, then what they call, so that nobody calls who is gone; replicas at the same time.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for kind in environment::PROCESSES.iter().rev() {
            let mut replicas: Vec<_> =
                self.processes.values_mut().filter(|process| kind_of(&process.plan.name).0 == *kind).collect();
            for process in &mut replicas {
                process.ask_to_stop();
            }
            for process in replicas {
                outcome = outcome.and(process.stop(PATIENCE));
            }
        }
        outcome
    }
}

/// One line for people, and the end of the log.
pub fn obituary(plan: &Plan, status: std::process::ExitStatus) -> String {
    format!("{} has stopped ({status}). Its log: {}\n{}", plan.name, plan.log.display(), last_lines(&plan.log, 5))
}

fn program(binaries: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let program = binaries.join(format!("trellis-{name}"));
    if !program.exists() {
        bail!("{} is not built: run `cargo build --workspace --bins`, or start with `make`", program.display());
    }
    Ok(program)
}
