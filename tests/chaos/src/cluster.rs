//! The cluster on its stage: PostgreSQL and NATS of its own, replicas of everything, a proxy on each edge.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Handle;
use trellis_local::{
    cluster::Cluster,
    environment::{Ports, kind_of},
    packages, ports,
    process::Process,
    secrets::Secrets,
    servers::{Durability, Nats, Postgres},
};

use crate::{proxy::Proxy, store::Store};

const SERVICES: [&str; 3] = ["identity", "org", "project"];
const READY: Duration = Duration::from_secs(90);

pub struct Stage {
    pub cluster: Cluster,
    pub postgres: Postgres,
    pub nats: Nats,
    pub proxies: Vec<Arc<Proxy>>,
    pub store: Store,
}

impl Stage {
    /// Starts everything and waits until it is ready. Must be called on a thread that outlives it: children end with
    /// the thread that started them.
    pub fn start(runtime: &Handle, replicas: usize, binaries: &Path, folder: &Path) -> anyhow::Result<Self> {
        let programs = packages::find_or_install(&|_| ())?;
        let secrets = Secrets::generate();
        let password = &secrets.postgres_password;
        let postgres = Postgres::start(&programs, folder, folder, ports::free()?, password, Durability::Kept)?;
        let mut databases = BTreeMap::new();
        for service in SERVICES {
            let database = format!("trellis_{service}");
            postgres.provision(service, &database, &secrets.role_passwords)?;
            databases.insert(service.to_owned(), database);
        }
        let store = Store::new(folder);
        let nats = Nats::start(&programs, folder, folder, ports::free()?)?;
        let ports = Ports::free(replicas, postgres.port, nats.port)?;
        let proxies = Mutex::new(Vec::new());
        let targets = targets(&ports);
        let edge = |from: &str, port: u16| -> Option<u16> {
            let to = targets.get(&port)?;
            let proxy = Proxy::start(runtime, from, to, port).expect("a proxy finds a port");
            let listens = proxy.port;
            proxies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(proxy));
            Some(listens)
        };
        for port in &ports.gateway {
            edge("client", *port);
        }
        let cluster =
            Cluster::start(binaries, folder, folder, ports.clone(), &secrets, &databases, |name, variables| {
                for (_, value) in variables.iter_mut().filter(|(variable, _)| variable.ends_with("_URL")) {
                    *value = redirected(value, |port| edge(name, port));
                }
                let mut set = |variable: &str, value: &str| variables.insert(variable.to_owned(), value.to_owned());
                match kind_of(name).0 {
                    "gateway" => set("TRELLIS_RATE_LIMITS", "off"),
                    // Clients here do not refresh.
                    "identity" => set("TRELLIS_ACCESS_TOKEN_TTL", "24h"),
                    _ => None,
                };
            })?;
        let proxies = proxies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut stage = Self { cluster, postgres, nats, proxies, store };
        let ended = stage.wait_ready()?;
        anyhow::ensure!(ended.is_empty(), "ended when everything started at once: {}", ended.join(", "));
        Ok(stage)
    }

    /// The gateways, as clients reach them.
    pub fn bases(&self) -> Vec<String> {
        let of_clients = self.proxies.iter().filter(|proxy| proxy.from == "client");
        of_clients.map(|proxy| format!("http://127.0.0.1:{}", proxy.port)).collect()
    }

    /// The superuser's URL of a service's database, past the proxies.
    pub fn database(&self, service: &str) -> String {
        let url = self.postgres.url();
        let server = url.rsplit_once('/').map_or(url.as_str(), |(server, _)| server);
        format!("{server}/trellis_{service}")
    }

    /// Every component, by name.
    pub fn components(&self) -> Vec<String> {
        let servers = ["postgres", "nats"].map(str::to_owned);
        self.cluster.ports.names().into_iter().chain(servers).collect()
    }

    pub fn process(&mut self, component: &str) -> &mut Process {
        match component {
            "postgres" => &mut self.postgres.process,
            "nats" => &mut self.nats.process,
            name => self.cluster.process(name),
        }
    }

    /// Whether it accepts connections, and with PostgreSQL answers them.
    pub fn accepts(&self, component: &str) -> bool {
        let port = match component {
            "postgres" => return self.postgres.psql("SELECT 1", &[]).is_ok(),
            "nats" => self.nats.port,
            name => {
                let (kind, index) = kind_of(name);
                self.cluster.ports.of(kind)[index]
            }
        };
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(200)).is_ok()
    }

    pub fn edges<'a>(&'a self, to: &'a str, from: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Proxy>> {
        self.proxies.iter().filter(move |proxy| proxy.to == to && from.is_none_or(|from| proxy.from == from))
    }

    /// The signal goes to PostgreSQL's own children, too: all of it stands still or is gone at once.
    pub fn signal(&mut self, component: &str, signal: Signal) {
        let process = self.process(component);
        let children = if component == "postgres" { children(process.pid()) } else { Vec::new() };
        process.signal(signal);
        for child in children {
            kill_process(child, signal).ok();
        }
    }

    /// How often NATS has ended by a panic, as its log says (2.9 does now and then where its store was deleted).
    pub fn panics_of_nats(&self) -> usize {
        let log = fs::read(&self.nats.process.plan.log).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().filter(|line| line.starts_with("panic: ")).count()
    }

    /// SIGKILL, and gone.
    pub fn kill(&mut self, component: &str) {
        if self.process(component).ended().is_some() {
            return;
        }
        self.signal(component, Signal::CONT);
        self.signal(component, Signal::KILL);
        self.process(component).kill().ok();
    }

    pub fn start_again(&mut self, component: &str) -> anyhow::Result<()> {
        self.process(component).restart().with_context(|| format!("cannot start {component} again"))
    }

    /// Until all are ready. Gives whoever ended meanwhile and was started again.
    pub fn wait_ready(&mut self) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + READY;
        while !(self.accepts("postgres") && self.accepts("nats")) {
            anyhow::ensure!(Instant::now() < deadline, "PostgreSQL or NATS does not accept again");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut ended = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Err(error) = self.cluster.wait_ready(left) else { return Ok(ended) };
            let gone: Vec<String> = self
                .cluster
                .processes
                .iter_mut()
                .filter_map(|(name, process)| process.ended().map(|_| name.clone()))
                .collect();
            if gone.is_empty() || left.is_zero() {
                return Err(error);
            }
            for name in gone {
                self.start_again(&name)?;
                ended.push(name);
            }
        }
    }

    /// Ends everything, in order.
    pub fn stop(&mut self) {
        self.cluster.stop().ok();
        self.nats.process.stop(Duration::from_secs(10)).ok();
        self.postgres.process.stop(Duration::from_secs(20)).ok();
    }
}

impl Drop for Stage {
    /// Nothing of it must outlive a run that failed half way.
    fn drop(&mut self) {
        for component in self.components() {
            self.kill(&component);
        }
    }
}

/// What listens at each port.
fn targets(ports: &Ports) -> BTreeMap<u16, String> {
    let replicas = ports.names().into_iter().map(|name| {
        let (kind, index) = kind_of(&name);
        (ports.of(kind)[index], name.clone())
    });
    replicas.chain([(ports.postgres, "postgres".to_owned()), (ports.nats, "nats".to_owned())]).collect()
}

/// The text with every port of loopback replaced for which there is another.
fn redirected(text: &str, mut other: impl FnMut(u16) -> Option<u16>) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(HOST) {
        let length = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (port, behind) = after.split_at(length);
        let replaced = port.parse().ok().and_then(&mut other).map_or(port.to_owned(), |port| port.to_string());
        out.push_str(before);
        out.push_str(HOST);
        out.push_str(&replaced);
        rest = behind;
    }
    out + rest
}

fn children(pid: u32) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_url_goes_by_the_proxy() {
        let other = |port: u16| (port != 3).then_some(port + 1_000);
        assert_eq!(
            redirected("http://127.0.0.1:1,http://127.0.0.1:2", other),
            "http://127.0.0.1:1001,http://127.0.0.1:1002"
        );
        assert_eq!(redirected("postgres://a:b@127.0.0.1:5432/x", other), "postgres://a:b@127.0.0.1:6432/x");
        assert_eq!(redirected("nats://127.0.0.1:3", other), "nats://127.0.0.1:3");
    }
}
