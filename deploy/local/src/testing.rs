//! For tests: a database of one's own, or a whole cluster of one's own, on the servers that `make test` started.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};

use crate::{
    cluster::Cluster,
    environment::Ports,
    packages::{self, Programs},
    ports,
    process::last_lines,
    secrets::Secrets,
    servers::{self, Nats},
};

/// The superuser's URL of the tests' PostgreSQL.
pub const DATABASE_URL: &str = "TRELLIS_TEST_DATABASE_URL";
/// The tests' NATS.
pub const NATS_URL: &str = "TRELLIS_TEST_NATS_URL";

/// The password of every role on the tests' PostgreSQL, which listens on loopback and is thrown away.
const PASSWORD: &str = "trellis-test";

/// With fewer free bytes, a failed test may have failed of that.
const LITTLE_DISK: u64 = 1 << 30;

/// The URL of the tests' NATS.
pub fn nats_url() -> anyhow::Result<String> {
    std::env::var(NATS_URL).with_context(|| format!("{NATS_URL} is not set: run `make test`, which starts the servers"))
}

/// The superuser's URL of the tests' PostgreSQL.
pub fn database_url() -> anyhow::Result<String> {
    std::env::var(DATABASE_URL)
        .with_context(|| format!("{DATABASE_URL} is not set: run `make test`, which starts the servers"))
}

/// A database that is dropped with this value.
pub struct TestDatabase {
    pub name: String,
    /// The role that migrates.
    pub owner_url: String,
    /// The role that the service runs as.
    pub runtime_url: String,
    /// The superuser, in this database.
    pub superuser_url: String,
}

/// An empty database as `service` ("identity", "org", "project") finds it in production: two roles, default rights.
pub fn database(service: &str) -> anyhow::Result<TestDatabase> {
    let url = database_url()?;
    let name = format!("test_{service}_{}", uuid::Uuid::now_v7().simple());
    servers::provision(&psql()?, &url, service, &name, &role_passwords())?;
    let at = |user: &str, password: &str| -> anyhow::Result<String> {
        let (scheme, rest) = url.split_once("://").context("not a URL")?;
        let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
        let server = server.split('/').next().unwrap_or(server);
        Ok(format!("{scheme}://{user}:{password}@{server}/{name}"))
    };
    let (base, _) = url.rsplit_once('/').context("the URL names no database")?;
    Ok(TestDatabase {
        owner_url: at(&format!("trellis_{service}_owner"), PASSWORD)?,
        runtime_url: at(&format!("trellis_{service}"), PASSWORD)?,
        superuser_url: format!("{base}/{name}"),
        name,
    })
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let (Ok(program), Ok(url)) = (psql(), database_url()) {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            // Not waited for: a test drops this on the thread of its runtime, and a connection that is just signing in
            // there could not go on, while PostgreSQL waits a minute for it before it drops anything.
            std::thread::spawn(move || servers::psql(&program, &url, &sql, &[]).ok());
        }
    }
}

/// A whole cluster: its own processes, databases and NATS. Ends with this value.
pub struct TestCluster {
    pub cluster: Cluster,
    pub nats: Nats,
    pub secrets: Secrets,
    /// Logs and data; kept where the cluster did not end well.
    pub folder: PathBuf,
    _databases: Vec<TestDatabase>,
}

impl TestCluster {
    /// Starts it and waits until it is ready. Must be called on a thread that outlives it: children end with the
    /// thread that started them. Tests ask for more than any client: rate limits are off.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(without_rate_limits)
    }

    /// As `start`, where `adapt` may change the environment of each process, which it is given by name.
    pub fn start_with(adapt: impl Fn(&str, &mut BTreeMap<String, String>)) -> anyhow::Result<Self> {
        Self::replicated(1, adapt)
    }

    /// As `start_with`, with so many of each process: `gateway`, `gateway-2`, …
    pub fn replicated(replicas: usize, adapt: impl Fn(&str, &mut BTreeMap<String, String>)) -> anyhow::Result<Self> {
        let programs = programs()?;
        let id = uuid::Uuid::now_v7().simple().to_string();
        let folder = std::env::temp_dir().join(format!("trellis-test-{id}"));
        std::fs::create_dir_all(&folder)?;
        let nats = Nats::start(&programs, &folder, &folder, ports::free()?)?;

        let mut secrets = Secrets::generate();
        secrets.role_passwords = role_passwords();
        let mut names = BTreeMap::new();
        let mut databases = Vec::new();
        for service in ["identity", "org", "project"] {
            let database = database(service)?;
            names.insert(service.to_owned(), database.name.clone());
            databases.push(database);
        }
        let url = database_url()?;
        let server = url.rsplit_once('@').map_or(url.as_str(), |(_, server)| server);
        let postgres = server
            .split('/')
            .next()
            .and_then(|server| server.rsplit_once(':')?.1.parse().ok())
            .with_context(|| format!("{DATABASE_URL} names no port"))?;
        let ports = Ports::free(replicas, postgres, nats.port)?;
        let mut cluster = Cluster::start(&crate::binaries()?, &folder, &folder, ports, &secrets, &names, adapt)?;
        cluster.wait_ready(Duration::from_mins(1))?;
        Ok(Self { cluster, nats, secrets, folder, _databases: databases })
    }
}

/// For clusters whose tests ask for more than any client.
pub fn without_rate_limits(_: &str, environment: &mut BTreeMap<String, String>) {
    environment.insert("TRELLIS_RATE_LIMITS".to_owned(), "off".to_owned());
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        if self.cluster.stop().is_ok() && !std::thread::panicking() {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

fn role_passwords() -> BTreeMap<String, String> {
    ["identity", "org", "project"]
        .into_iter()
        .flat_map(|service| [format!("trellis_{service}"), format!("trellis_{service}_owner")])
        .map(|role| (role, PASSWORD.to_owned()))
        .collect()
}

fn programs() -> anyhow::Result<Programs> {
    packages::find_or_install(&|_| ())
}

fn psql() -> anyhow::Result<PathBuf> {
    Ok(programs()?.postgres.join("psql"))
}

/// Runs a command with servers of the tests' own, which end with it.
pub fn run(command: &[String]) -> anyhow::Result<()> {
    let programs = packages::find_or_install(&|line| crate::up::say(line))?;
    crate::cargo::build()?;
    let folder = servers::reachable(&std::env::temp_dir())?.join(format!("trellis-servers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    // What tests leave behind goes with the servers.
    let leftovers = folder.join("tmp");
    std::fs::create_dir_all(&leftovers)?;
    let mut servers = TestServers::start(&programs, folder)?;
    let mut program = std::process::Command::new(&command[0]);
    crate::cargo::forget_package(&mut program);
    let status = program
        .args(&command[1..])
        .current_dir(crate::root())
        .env(DATABASE_URL, servers.postgres.url())
        .env(NATS_URL, servers.nats.url())
        .env("TMPDIR", &leftovers)
        .status()
        .with_context(|| format!("cannot run {}", command[0]))?;
    if !status.success() {
        servers.ailments().iter().for_each(|line| crate::up::say(line));
        bail!("{} failed ({status})", command.join(" "));
    }
    Ok(())
}

/// PostgreSQL and NATS for one run of the tests; everything goes with this value.
pub struct TestServers {
    pub postgres: servers::Postgres,
    pub nats: Nats,
    folder: PathBuf,
}

impl TestServers {
    pub fn start(programs: &Programs, folder: PathBuf) -> anyhow::Result<Self> {
        let postgres = servers::Postgres::start(
            programs,
            &folder,
            &folder,
            ports::free()?,
            PASSWORD,
            servers::Durability::ThrownAway,
        )?;
        let nats = Nats::start(programs, &folder, &folder, ports::free()?)?;
        Ok(Self { postgres, nats, folder })
    }

    /// What makes tests fail that are right: a server that ended meanwhile, a disk that is all but full.
    fn ailments(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for process in [&mut self.postgres.process, &mut self.nats.process] {
            if let Some(status) = process.ended() {
                let (name, end) = (&process.plan.name, last_lines(&process.plan.log, 8));
                found.push(format!("the tests' {name} ended meanwhile ({status}); its log ends with:\n{end}"));
            }
        }
        if let Ok(disk) = rustix::fs::statvfs(&self.folder)
            && let free = disk.f_bavail * disk.f_frsize
            && free < LITTLE_DISK
        {
            found.push(format!("{} has {} MiB left", self.folder.display(), free >> 20));
        }
        found
    }
}

impl Drop for TestServers {
    fn drop(&mut self) {
        let patience = Duration::from_secs(10);
        self.nats.process.stop(patience).ok();
        self.postgres.process.stop(patience).ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
