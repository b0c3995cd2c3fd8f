//! What a request costs: the calls that services got, and the SQL statements that they sent.

mod proxy;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use trellis_local::{ports, testing::TestCluster};

use crate::Gateway;
use proxy::Proxy;

const SERVICES: [&str; 3] = ["identity", "org", "project"];

/// Calls that no request causes: how processes follow each other's news.
const BACKGROUND: [&str; 4] = ["FollowSessions", "FollowMemberships", "ReadHeads", "Check"];

/// A cluster of which every call and every statement is counted.
pub struct Meter {
    pub cluster: TestCluster,
    http: reqwest::Client,
    metrics: BTreeMap<&'static str, String>,
    proxies: BTreeMap<&'static str, Proxy>,
    /// Statements that services send when nobody asks them for anything.
    background: BTreeSet<String>,
}

/// How often each call was made and each statement was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    pub calls: BTreeMap<String, u64>,
    pub statements: BTreeMap<String, u64>,
}

impl Cost {
    /// All calls, all statements.
    pub fn totals(&self) -> (u64, u64) {
        (self.calls.values().sum(), self.statements.values().sum())
    }

    /// What both did, as often as the one that did it less.
    fn least(&self, other: &Self) -> Self {
        let least = |a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>| {
            let both = a.iter().filter_map(|(name, count)| Some((name.clone(), *count.min(b.get(name)?))));
            both.collect()
        };
        Self { calls: least(&self.calls, &other.calls), statements: least(&self.statements, &other.statements) }
    }

    fn since(&self, earlier: &Self) -> Self {
        let since = |now: &BTreeMap<String, u64>, then: &BTreeMap<String, u64>| {
            let more = now.iter().map(|(name, count)| (name.clone(), count - then.get(name).unwrap_or(&0)));
            more.filter(|(_, count)| *count > 0).collect()
        };
        Self { calls: since(&self.calls, &earlier.calls), statements: since(&self.statements, &earlier.statements) }
    }
}

impl Meter {
    /// A cluster of its own; each service is restarted with a metrics port, behind a proxy that reads its SQL.
    pub async fn start() -> anyhow::Result<Self> {
        let mut cluster = TestCluster::start()?;
        let (mut metrics, mut proxies) = (BTreeMap::new(), BTreeMap::new());
        let postgres = cluster.cluster.ports.postgres;
        let direct = format!(":{postgres}/");
        for service in SERVICES {
            let proxy = Proxy::start(postgres)?;
            let port = ports::free()?;
            let process = cluster.cluster.process(service);
            let environment = &mut process.plan.environment;
            environment.insert("TRELLIS_METRICS_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
            let url = environment.get_mut("TRELLIS_DATABASE_URL").expect("services have a database");
            anyhow::ensure!(url.contains(&direct), "the database's URL names no port");
            *url = url.replace(&direct, &format!(":{}/", proxy.port));
            process.restart()?;
            metrics.insert(service, format!("http://127.0.0.1:{port}/metrics"));
            proxies.insert(service, proxy);
        }
        cluster.cluster.wait_ready(Duration::from_mins(1))?;
        let http = reqwest::Client::new();
        let mut meter = Self { cluster, http, metrics, proxies, background: BTreeSet::new() };
        meter.learn_background().await?;
        Ok(meter)
    }

    /// What is sent while processes follow each other for a few rounds is nobody's request.
    async fn learn_background(&mut self) -> anyhow::Result<()> {
        let rounds = async |meter: &Self| -> anyhow::Result<u64> {
            let all = meter.all_calls().await?;
            let of = |name: &str| all.iter().filter(|(call, _)| call.ends_with(name)).map(|(_, count)| count).sum();
            Ok(u64::min(of("FollowSessions"), of("FollowMemberships")))
        };
        let start = rounds(self).await?;
        while rounds(self).await? < start + 8 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.background = self.statements().into_keys().collect();
        Ok(())
    }

    /// The cost of `request`, asked several times: what is only sometimes there (a cache that ran out, a connection
    /// that was opened) is not part of it.
    pub async fn cost<R, F: Future<Output = R>>(&self, mut request: impl FnMut() -> F) -> anyhow::Result<Cost> {
        request().await;
        self.until_quiet().await?;
        let mut least: Option<Cost> = None;
        for _ in 0..4 {
            let before = self.read().await?;
            request().await;
            let cost = self.read().await?.since(&before);
            least = Some(least.map_or_else(|| cost.clone(), |least| least.least(&cost)));
        }
        Ok(least.unwrap_or_default())
    }

    /// Until nothing is sent for longer than those rest who notify people of what was written before: an event that
    /// could not be told is tried again after a second.
    async fn until_quiet(&self) -> anyhow::Result<()> {
        loop {
            let before = self.read().await?;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            if self.read().await? == before {
                return Ok(());
            }
        }
    }

    /// How often people's names are asked for by a gateway that knows nobody yet: calls and statements.
    pub async fn names<R>(&self, request: impl AsyncFnOnce(&str) -> R) -> anyhow::Result<(u64, u64)> {
        let plan = self.cluster.cluster.processes["gateway"].plan.clone();
        let gateway = Gateway::start_as(plan, &[]).await?;
        let before = self.read().await?;
        request(&gateway.base).await;
        let mut cost = self.read().await?.since(&before);
        cost.calls.retain(|name, _| name.ends_with("BatchGetUsers"));
        cost.statements.retain(|text, _| text.starts_with("identity: ") && text.contains("FROM users"));
        Ok(cost.totals())
    }

    async fn read(&self) -> anyhow::Result<Cost> {
        let mut calls = self.all_calls().await?;
        calls.retain(|name, _| !BACKGROUND.iter().any(|background| name.ends_with(background)));
        let mut statements = self.statements();
        statements.retain(|text, _| !self.background.contains(text));
        Ok(Cost { calls, statements })
    }

    /// By method, of all services.
    async fn all_calls(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut calls = BTreeMap::new();
        for url in self.metrics.values() {
            let text = self.http.get(url).send().await?.text().await?;
            for line in text.lines().filter_map(|line| line.strip_prefix("rpc_server_requests_total{")) {
                let (labels, count) = line.rsplit_once("} ").unwrap_or_default();
                let method = labels.split("method=\"").nth(1).and_then(|rest| rest.split('"').next());
                *calls.entry(method.unwrap_or_default().to_owned()).or_default() += count.parse::<u64>()?;
            }
        }
        Ok(calls)
    }

    fn statements(&self) -> BTreeMap<String, u64> {
        let mut statements = BTreeMap::new();
        for (service, proxy) in &self.proxies {
            for (text, count) in proxy.statements() {
                statements.insert(format!("{service}: {text}"), count);
            }
        }
        statements
    }
}
