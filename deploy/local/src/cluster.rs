//! The four processes of one cluster, on a PostgreSQL and a NATS that run already.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::{
    environment::{self, PROCESSES, Ports},
    process::{Plan, Process, last_lines},
    secrets::Secrets,
};

/// How long a process may take to end after SIGTERM (each takes at most 25 s).
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Cluster {
    /// By name, all four.
    pub processes: BTreeMap<String, Process>,
    pub ports: Ports,
}

impl Cluster {
    /// Starts all four; `wait_ready` then waits for them. `adapt` may change the environment of each.
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
        for name in PROCESSES {
            let mut environment = environment::of(name, &ports, secrets, databases)?;
            adapt(name, &mut environment);
            let process = Process::start(Plan {
                name: name.to_owned(),
                program: program(binaries, name)?,
                arguments: Vec::new(),
                environment,
                user: None,
                folder: folder.to_owned(),
                log: logs.join(format!("{name}.log")),
                stop: Signal::TERM,
            })?;
            processes.insert(name.to_owned(), process);
        }
        Ok(Self { processes, ports })
    }

    /// The gateway's base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.gateway)
    }

    /// Waits until the gateway and all behind it are ready; a process that ends meanwhile is an error that names it.
    pub fn wait_ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.url());
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build().into();
        let deadline = Instant::now() + patience;
        loop {
            if agent.get(&url).call().is_ok() && self.unready_services()?.is_empty() {
                return Ok(());
            }
            self.check()?;
            if Instant::now() > deadline {
                let logs = self.processes["gateway"].plan.log.parent().unwrap_or(Path::new("."));
                bail!(
                    "not ready after {} s (waiting for {}). Logs: {}",
                    patience.as_secs(),
                    self.unready_services()?.first().map_or("the gateway", String::as_str),
                    logs.display()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The services whose own health check fails.
    fn unready_services(&self) -> anyhow::Result<Vec<String>> {
        let mut unready = Vec::new();
        for process in self.processes.values().filter(|process| process.plan.name != "gateway") {
            let healthy = std::process::Command::new(&process.plan.program)
                .arg("--healthcheck")
                .envs(&process.plan.environment)
                .output()
                .with_context(|| format!("cannot run {} --healthcheck", process.plan.program.display()))?
                .status
                .success();
            if !healthy {
                unready.push(process.plan.name.clone());
            }
        }
        Ok(unready)
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
        self.processes.get_mut(name).unwrap_or_else(|| panic!("{name} is none of the four processes"))
    }

    /// Ends the gateway first, then what it calls, so that nobody calls who is gone.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for name in PROCESSES.iter().rev() {
            outcome = outcome.and(self.process(name).stop(PATIENCE));
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
