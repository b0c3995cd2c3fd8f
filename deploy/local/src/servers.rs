//! Private instances of PostgreSQL and NATS: own data, own ports, an unprivileged user when called as root.

mod postgres;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

pub use self::postgres::{Durability, Postgres, provision, psql};
use crate::{
    packages::Programs,
    process::{Plan, Process, User, folder_for, last_lines},
};

/// A private NATS with JetStream.
pub struct Nats {
    pub process: Process,
    pub port: u16,
}

impl Nats {
    pub fn start(programs: &Programs, folder: &Path, logs: &Path, port: u16) -> anyhow::Result<Self> {
        let user = unprivileged()?;
        let data = folder.join("nats");
        folder_for(&data, user.as_ref())?;
        let mut process = Process::start(Plan {
            name: "nats".to_owned(),
            program: programs.nats.clone(),
            arguments: ["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]
                .into_iter()
                .map(str::to_owned)
                .chain([data.display().to_string()])
                .collect(),
            environment: BTreeMap::new(),
            user,
            folder: data,
            log: logs.join("nats.log"),
            stop: Signal::TERM,
        })?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let log = process.plan.log.clone();
            if let Some(status) = process.ended() {
                bail!("nats ended at its start ({status}). Its log: {}\n{}", log.display(), last_lines(&log, 5));
            }
            if Instant::now() > deadline {
                bail!("nats does not answer after 30 s. Its log: {}", log.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { process, port })
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// Whom the servers run as: nobody special, unless the launcher is root (PostgreSQL refuses root).
pub fn unprivileged() -> anyhow::Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let user = ["postgres", "nobody"].into_iter().find_map(|wanted| {
        accounts.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            (fields.first() == Some(&wanted)).then(|| {
                Some(User {
                    name: wanted.to_owned(),
                    uid: fields.get(2)?.parse().ok()?,
                    gid: fields.get(3)?.parse().ok()?,
                })
            })?
        })
    });
    user.map(Some).context("running as root, but there is no user `postgres` or `nobody` to run PostgreSQL as")
}

/// A folder for the servers' data that their user can reach: `wanted`, or, where a parent is closed to it (a checkout
/// in root's home), one under `/var/lib/trellis-local`.
pub fn reachable(wanted: &Path) -> anyhow::Result<PathBuf> {
    let Some(user) = unprivileged()? else {
        return Ok(wanted.to_owned());
    };
    fs::create_dir_all(wanted)?;
    let wanted = wanted.canonicalize()?;
    let open = wanted
        .ancestors()
        .all(|folder| fs::metadata(folder).is_ok_and(|meta| meta.mode() & 0o001 != 0 || meta.uid() == user.uid));
    if open {
        return Ok(wanted);
    }
    let name = wanted.display().to_string().replace('/', "-");
    let elsewhere = Path::new("/var/lib/trellis-local").join(name.trim_matches('-'));
    fs::create_dir_all(&elsewhere).with_context(|| format!("cannot make {}", elsewhere.display()))?;
    Ok(elsewhere)
}
