//! A private instance of PostgreSQL, and SQL by `psql` on any.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use super::unprivileged;
use crate::{
    packages::Programs,
    process::{Plan, Process, User, folder_for, last_lines},
};

const PROVISION: &str = include_str!("../../../postgres/provision.sql");

/// Whether what the servers keep must survive a power cut. Tests do not need that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Kept,
    ThrownAway,
}

/// A private PostgreSQL.
pub struct Postgres {
    pub process: Process,
    pub port: u16,
    password: String,
    programs: Programs,
}

impl Postgres {
    /// Makes the data folder where there is none, starts the server and waits until it answers.
    pub fn start(
        programs: &Programs,
        folder: &Path,
        logs: &Path,
        port: u16,
        password: &str,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let user = unprivileged()?;
        let data = folder.join("postgres");
        if !data.join("PG_VERSION").exists() {
            initialize(programs, &data, password, user.as_ref())?;
        }
        let log = logs.join("postgres.log");
        let mut settings = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "max_wal_size=256MB".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        if durability == Durability::ThrownAway {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        }
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        for setting in settings {
            arguments.extend(["-c".to_owned(), setting]);
        }
        let process = Process::start(Plan {
            name: "postgres".to_owned(),
            program: programs.postgres.join("postgres"),
            arguments,
            environment: BTreeMap::new(),
            user,
            folder: data,
            log,
            // Fast shutdown: do not wait for clients to leave.
            stop: Signal::INT,
        })?;
        let mut postgres = Self { process, port, password: password.to_owned(), programs: programs.clone() };
        postgres.wait()?;
        Ok(postgres)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.psql("SELECT 1", &[]).is_err() {
            if let Some(status) = self.process.ended() {
                bail!(
                    "postgres ended at its start ({status}). Its log: {}\n{}",
                    self.process.plan.log.display(),
                    last_lines(&self.process.plan.log, 5)
                );
            }
            if Instant::now() > deadline {
                bail!("postgres does not answer after 60 s. Its log: {}", self.process.plan.log.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The superuser's URL.
    pub fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Makes a service's database and roles, where they are not there yet. `passwords` is by role.
    pub fn provision(&self, service: &str, database: &str, passwords: &BTreeMap<String, String>) -> anyhow::Result<()> {
        provision(&self.programs.postgres.join("psql"), &self.url(), service, database, passwords)
    }

    /// Runs SQL as superuser, gives its output unadorned.
    pub fn psql(&self, sql: &str, variables: &[(&str, &str)]) -> anyhow::Result<String> {
        psql(&self.programs.postgres.join("psql"), &self.url(), sql, variables)
    }
}

fn initialize(programs: &Programs, data: &Path, password: &str, user: Option<&User>) -> anyhow::Result<()> {
    folder_for(data, user)?;
    // initdb reads the password from a file, which must not outlive it.
    let secret = data.with_extension("initial");
    fs::write(&secret, password)?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    if let Some(user) = user {
        std::os::unix::fs::chown(&secret, Some(user.uid), Some(user.gid))?;
    }
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
                .args(["--clear-groups", "--"])
                .arg(programs.postgres.join("initdb"));
            command
        }
        None => Command::new(programs.postgres.join("initdb")),
    };
    let output = command
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg(format!("--pwfile={}", secret.display()))
        .arg("-D")
        .arg(data)
        .current_dir(data)
        .output()
        .context("cannot run initdb")?;
    fs::remove_file(&secret).ok();
    if !output.status.success() {
        fs::remove_dir_all(data).ok();
        bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Makes a service's database and roles on the server at `url`.
pub fn provision(
    program: &Path,
    url: &str,
    service: &str,
    database: &str,
    passwords: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let (runtime, owner) = (format!("trellis_{service}"), format!("trellis_{service}_owner"));
    let password = |role: &str| passwords.get(role).with_context(|| format!("no password for role {role}"));
    psql(
        program,
        url,
        PROVISION,
        &[
            ("database", database),
            ("owner", &owner),
            ("owner_password", password(&owner)?),
            ("runtime", &runtime),
            ("runtime_password", password(&runtime)?),
        ],
    )?;
    Ok(())
}

/// Runs SQL by `psql` on the server at `url`. Values go in as variables, over standard input, so that no secret
/// stands in a process list.
pub fn psql(program: &Path, url: &str, sql: &str, variables: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut script = String::new();
    for (name, value) in variables {
        use std::fmt::Write as _;
        writeln!(script, "\\set {name} '{}'", value.replace('\'', "''"))?;
    }
    script.push_str(sql);
    let mut child = Command::new(program)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
        // The password goes by environment, not as an argument.
        .env("PGCONNECT_TIMEOUT", "5")
        .args(["--dbname", &without_password(url)])
        .env("PGPASSWORD", password_of(url))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    child.stdin.take().context("psql has no input")?.write_all(script.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn password_of(url: &str) -> String {
    credentials(url).and_then(|(_, password)| password).unwrap_or_default().to_owned()
}

fn without_password(url: &str) -> String {
    match credentials(url) {
        Some((user, Some(password))) => url.replacen(&format!("{user}:{password}@"), &format!("{user}@"), 1),
        _ => url.to_owned(),
    }
}

fn credentials(url: &str) -> Option<(&str, Option<&str>)> {
    let (credentials, _) = url.split_once("://")?.1.rsplit_once('@')?;
    Some(match credentials.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (credentials, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_stands_in_an_argument() {
        let url = "postgres://ada:s3cret@127.0.0.1:1/db";
        assert_eq!(without_password(url), "postgres://ada@127.0.0.1:1/db");
        assert_eq!(password_of(url), "s3cret");
        assert_eq!(without_password("postgres://ada@h/db"), "postgres://ada@h/db");
    }
}
