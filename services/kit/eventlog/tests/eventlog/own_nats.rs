//! A NATS of a test's own, and what its stream holds.

use std::path::{Path, PathBuf};

use prost::Message as _;
use trellis_local::servers::Nats;
use trellis_local::{packages, ports};
use trellis_proto::event::v1::Event;
use uuid::Uuid;

use crate::fixture::{connect_client, eventually, seqs_of};

/// A NATS that can be stopped and robbed of its data.
pub struct OwnNats {
    pub nats: Nats,
    folder: PathBuf,
}

impl OwnNats {
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("trellis-eventlog-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        let programs = packages::find_or_install(&|_| ()).unwrap();
        let nats = Nats::start(&programs, &folder, &folder, ports::free().unwrap()).unwrap();
        Self { nats, folder }
    }

    pub fn url(&self) -> String {
        self.nats.url()
    }

    /// Lets it store so much and no more, from now on.
    pub fn limit(&mut self, most: &str) {
        let config = self.folder.join("nats.conf");
        std::fs::write(&config, format!("jetstream {{ max_file_store: {most} }}")).unwrap();
        self.nats.process.kill().unwrap();
        self.nats.process.plan.arguments.extend(["--config".to_owned(), config.display().to_string()]);
        self.nats.process.restart().unwrap();
    }

    fn store(&self) -> PathBuf {
        self.folder.join("nats/jetstream")
    }

    pub fn forget_everything(&self) {
        std::fs::remove_dir_all(self.store()).unwrap();
    }

    pub fn copy(&self) -> PathBuf {
        let copy = self.folder.join("copy");
        copied("--archive", &self.store(), &copy);
        copy
    }

    pub fn restore(&self, copy: &Path) {
        self.forget_everything();
        copied("--archive", copy, &self.store());
    }
}

/// With its owner, who may be another user.
fn copied(how: &str, from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg(how).args([from, to]).status().unwrap().success());
}

impl Drop for OwnNats {
    fn drop(&mut self) {
        self.nats.process.kill().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// The events that the stream holds, in its order; none where there is no stream.
pub async fn stored(url: &str) -> Vec<Event> {
    let jetstream = async_nats::jetstream::new(connect_client(url).await);
    let Ok(stream) = jetstream.get_stream("TRELLIS").await else { return Vec::new() };
    let state = stream.cached_info().state.clone();
    let mut events = Vec::new();
    for seq in state.first_sequence.max(1)..=state.last_sequence {
        if let Ok(message) = stream.get_raw_message(seq).await {
            events.push(Event::decode(message.payload).unwrap());
        }
    }
    events
}

pub async fn all_is_stored(url: &str, scope: Uuid, last: u64) {
    eventually("all is in the stream", async || {
        let mut seqs = seqs_of(&stored(url).await, scope);
        seqs.sort_unstable();
        seqs == (1..=last).collect::<Vec<_>>()
    })
    .await;
}
