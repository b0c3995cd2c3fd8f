//! `make up`, `make down`, `make reset`: the cluster of this checkout, under `.local/`.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::{
    cargo::build,
    certificates::Certificates,
    cluster::{Cluster, PATIENCE, obituary},
    demo,
    environment::Ports,
    packages, ports,
    process::Process,
    secrets::Secrets,
    servers::{Durability, Nats, Postgres, reachable},
};

/// More deaths than this within a minute, and the cluster is given up.
const DEATHS_PER_MINUTE: usize = 5;

/// A line for the person at the terminal.
pub fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Starts the cluster and keeps it running until Ctrl-C or `make down`. With `tls` its processes speak TLS. There are
/// `replicas` of each, the gateways on `port` and those after it.
pub fn up(port: u16, tls: bool, replicas: u16) -> anyhow::Result<()> {
    let home = crate::home();
    let logs = home.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let _pid = PidFile::take(&home.join("up.pid"))?;
    let gateways: Vec<u16> = (0..replicas).map(|index| port.saturating_add(index)).collect();
    if let Some(taken) = gateways.iter().find(|port| ports::is_taken(**port)) {
        bail!(
            "port {taken} is taken: another program listens there. Stop it, or choose another port: \
             `make up PORT={}`",
            port.saturating_add(80)
        );
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;

    step(1, "looking for PostgreSQL and NATS");
    let programs = packages::find_or_install(&|line| say(&format!("      {line}")))?;
    step(2, "building (the first time this takes some minutes)");
    build()?;
    step(3, "starting PostgreSQL and NATS");
    let data = reachable(&home.join("data"))?;
    let secrets = Secrets::load_or_generate(&home.join("secrets.json"))?;
    let databases: BTreeMap<String, String> =
        ["identity", "org", "project"].map(|name| (name.to_owned(), format!("trellis_{name}"))).into();
    let several = |first: u16, step: u16| {
        (0..replicas).map(|index| ports::prefer(first + index * step)).collect::<anyhow::Result<Vec<_>>>()
    };
    let ports = Ports {
        gateway: gateways,
        identity: several(7001, 10)?,
        org: several(7002, 10)?,
        project: several(7003, 10)?,
        metrics: several(9100, 1)?,
        postgres: ports::prefer(54329)?,
        nats: ports::prefer(42229)?,
    };
    let postgres =
        Postgres::start(&programs, &data, &logs, ports.postgres, &secrets.postgres_password, Durability::Kept)?;
    let mut running = Running { cluster: None, nats: None, postgres };
    for (service, database) in &databases {
        running.postgres.provision(service, database, &secrets.role_passwords)?;
    }
    running.nats = Some(Nats::start(&programs, &data, &logs, ports.nats)?);

    let how_many = if replicas == 1 { String::new() } else { format!(", {replicas} of each") };
    step(4, &format!("starting identity, org, project and the gateway{how_many}"));
    let certificates = tls.then(|| Certificates::make(&home.join("tls"))).transpose()?;
    let adapt = |process: &str, environment: &mut BTreeMap<String, String>| {
        if let Some(certificates) = &certificates {
            certificates.apply(process, environment);
        }
    };
    let cluster = Cluster::start(&crate::binaries()?, &home, &logs, ports, &secrets, &databases, adapt)?;
    let urls = cluster.urls();
    running.cluster.insert(cluster).wait_ready(Duration::from_mins(1))?;
    let filled = home.join("demo.filled");
    if !filled.exists() && !stop.load(Ordering::Relaxed) {
        step(5, "filling in demo data");
        demo::fill(&urls[0])?;
        fs::write(&filled, "")?;
    }
    say(&greeting(&urls, &running));
    running.watch(&stop)?;
    say("stopping …");
    running.stop()
}

/// Asks the launcher that runs to stop, and waits until it has.
pub fn down() -> anyhow::Result<()> {
    let file = crate::home().join("up.pid");
    let Some(pid) = running_launcher(&file) else {
        say("nothing runs");
        return Ok(());
    };
    kill_process(pid, Signal::TERM).context("cannot signal the launcher")?;
    let deadline = Instant::now() + PATIENCE * 3;
    while running_launcher(&file).is_some() {
        if Instant::now() > deadline {
            bail!("the cluster (pid {}) is still stopping. Its logs: .local/logs", pid.as_raw_nonzero());
        }
        thread::sleep(Duration::from_millis(50));
    }
    say("stopped");
    Ok(())
}

/// Stops, then forgets everything under `.local/`.
pub fn reset() -> anyhow::Result<()> {
    down()?;
    let home = crate::home();
    if home.exists() {
        let data = reachable(&home.join("data"))?;
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    say("forgotten: data, logs and secrets");
    Ok(())
}

fn step(number: u8, what: &str) {
    say(&format!("[{number}/5] {what}"));
}

fn greeting(urls: &[String], running: &Running) -> String {
    let url = &urls[0];
    let others = urls.join("\n                ");
    let others = others.strip_prefix(url.as_str()).unwrap_or_default();
    let people: Vec<_> = demo::PEOPLE.iter().map(|(email, _)| format!("    {email:<16} {}", demo::PASSWORD)).collect();
    let database = &running.postgres.port;
    format!(
        r#"
Trellis is up:  {url}          API reference: {url}/docs{others}

  Demo organization "acme", password of each:
{people}

  Paste this next:

    TOKEN=$(curl -s {url}/api/v1/auth/login -H 'content-type: application/json' \
      -d '{{"email":"{email}","password":"{password}"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    curl -s {url}/api/v1/organizations/acme/tasks -H "authorization: Bearer $TOKEN"

  Logs: .local/logs    PostgreSQL: 127.0.0.1:{database}    stop: Ctrl-C or `make down`    forget: `make reset`
"#,
        people = people.join("\n"),
        email = demo::PEOPLE[0].0,
        password = demo::PASSWORD,
    )
}

/// Everything that was started.
struct Running {
    cluster: Option<Cluster>,
    nats: Option<Nats>,
    postgres: Postgres,
}

impl Running {
    /// Until `stop`. What dies is named, and started again.
    fn watch(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut deaths: Vec<Instant> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            for process in self.processes() {
                let Some(status) = process.ended() else { continue };
                say(&obituary(&process.plan, status));
                deaths.retain(|death| death.elapsed() < Duration::from_mins(1));
                deaths.push(Instant::now());
                if deaths.len() > DEATHS_PER_MINUTE {
                    bail!("{} keeps stopping. Its log: {}", process.plan.name, process.plan.log.display());
                }
                say(&format!("starting {} again", process.plan.name));
                process.restart()?;
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        [Some(&mut self.postgres.process), self.nats.as_mut().map(|nats| &mut nats.process)]
            .into_iter()
            .flatten()
            .chain(self.cluster.iter_mut().flat_map(|cluster| cluster.processes.values_mut()))
    }

    /// Who calls ends before who is called.
    fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = self.cluster.as_mut().map_or(Ok(()), Cluster::stop);
        if let Some(nats) = &mut self.nats {
            outcome = outcome.and(nats.process.stop(PATIENCE));
        }
        outcome.and(self.postgres.process.stop(PATIENCE))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop().ok();
    }
}

/// Says that this launcher runs, until it does not.
struct PidFile(PathBuf);

impl PidFile {
    fn take(file: &Path) -> anyhow::Result<Self> {
        if let Some(pid) = running_launcher(file) {
            bail!("a cluster of this checkout runs already (pid {}). `make down` stops it", pid.as_raw_nonzero());
        }
        fs::write(file, std::process::id().to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self(file.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

/// The launcher that the file names, if it lives (and is a launcher: pids come again).
fn running_launcher(file: &Path) -> Option<Pid> {
    let pid = Pid::from_raw(fs::read_to_string(file).ok()?.trim().parse().ok()?)?;
    test_kill_process(pid).ok()?;
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.as_raw_nonzero().to_string()]).output();
    let command = output.map_or_else(
        |_| fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    command.contains("trellis-local").then_some(pid)
}
