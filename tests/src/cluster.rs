//! One cluster for all tests of the process. Tests that kill something start their own.

use std::{sync::OnceLock, thread};

use trellis_local::testing::TestCluster;

static SHARED: OnceLock<(String, String)> = OnceLock::new();

/// The base URL of the shared cluster's gateway; the first call starts it.
pub fn base() -> String {
    shared().0.clone()
}

/// The base URL of the shared cluster's metrics port.
pub fn metrics_base() -> String {
    shared().1.clone()
}

fn shared() -> &'static (String, String) {
    SHARED.get_or_init(|| {
        let (send, receive) = std::sync::mpsc::channel();
        // Children end with the thread that started them: this one stays until the process ends.
        thread::spawn(move || {
            let cluster = TestCluster::start();
            let urls = cluster
                .as_ref()
                .map_err(|error| format!("{error:#}"))
                .map(|cluster| (cluster.cluster.url(), format!("http://127.0.0.1:{}", cluster.cluster.ports.metrics)));
            send.send(urls).ok();
            loop {
                thread::park();
            }
        });
        match receive.recv().expect("the thread sends before it parks") {
            Ok(urls) => urls,
            Err(error) => panic!("no cluster to test against: {error}"),
        }
    })
}
