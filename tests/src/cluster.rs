//! One cluster for all tests of the process. Tests that kill something start their own.

use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use trellis_local::{
    ports,
    process::{Plan, Process},
    testing::TestCluster,
};

static SHARED: OnceLock<Shared> = OnceLock::new();

struct Shared {
    base: String,
    metrics: String,
    gateway: Plan,
}

/// The base URL of the shared cluster's gateway; the first call starts it.
pub fn base() -> String {
    shared().base.clone()
}

/// The base URL of the shared cluster's metrics port.
pub fn metrics_base() -> String {
    shared().metrics.clone()
}

/// One more gateway of a cluster; ends with this value.
pub struct Gateway {
    pub base: String,
    process: Process,
}

impl Gateway {
    /// Of the shared cluster, with `settings` beside those of the first one, and ready. Must be called on a thread that
    /// outlives it.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_as(shared().gateway.clone(), settings).await
    }

    /// As the gateway that was started by `plan`.
    pub async fn start_as(mut plan: Plan, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = ports::free()?;
        plan.environment.insert("TRELLIS_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        plan.environment.remove("TRELLIS_METRICS_LISTEN");
        for (name, value) in settings {
            plan.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        plan.log.set_file_name(format!("gateway-{port}.log"));
        let mut gateway = Self { base: format!("http://127.0.0.1:{port}"), process: Process::start(plan)? };
        let (http, deadline) = (reqwest::Client::new(), Instant::now() + Duration::from_mins(1));
        let url = format!("{}/readyz", gateway.base);
        while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let log = &gateway.process.plan.log;
            anyhow::ensure!(Instant::now() < deadline, "the second gateway is not ready: {}", log.display());
            if let Some(status) = gateway.process.ended() {
                anyhow::bail!("the second gateway has ended ({status}): {}", gateway.process.plan.log.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(gateway)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill().ok();
    }
}

fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let (send, receive) = std::sync::mpsc::channel();
        // Children end with the thread that started them: this one stays until the process ends.
        thread::spawn(move || {
            let mut cluster = TestCluster::start();
            let shared = cluster.as_mut().map_err(|error| format!("{error:#}")).map(|cluster| Shared {
                base: cluster.cluster.url(),
                metrics: format!("http://127.0.0.1:{}", cluster.cluster.ports.metrics[0]),
                gateway: cluster.cluster.process("gateway").plan.clone(),
            });
            send.send(shared).ok();
            loop {
                thread::park();
            }
        });
        match receive.recv().expect("the thread sends before it parks") {
            Ok(shared) => shared,
            Err(error) => panic!("no cluster to test against: {error}"),
        }
    })
}
