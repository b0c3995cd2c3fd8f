//! Starts private Trellis clusters on one machine: behind `make up`, and for the tests.
//!
//! [`servers`] runs PostgreSQL and NATS of its own (nothing of the system's is touched), [`cluster`] the four
//! processes on top of them, [`testing`] gives tests a database or a whole cluster.

#![allow(clippy::disallowed_methods, reason = "a synchronous program, with an environment of its own")]

pub mod cargo;
pub mod certificates;
pub mod cluster;
pub mod demo;
pub mod environment;
pub mod generate;
pub mod packages;
pub mod ports;
pub mod process;
pub mod runtimes;
pub mod secrets;
pub mod servers;
pub mod testing;
pub mod up;
pub mod watch;

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("deploy/local lies two levels below the root")
        .to_path_buf()
}

/// Where `make up` keeps everything: data, logs, secrets.
pub fn home() -> PathBuf {
    root().join(".local")
}

/// Where cargo puts the binaries of this build: beside the launcher, one up from a test's.
pub fn binaries() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().expect("an executable lies in a folder");
    Ok(if folder.ends_with("deps") {
        folder.parent().expect("deps lies in a profile's folder").to_path_buf()
    } else {
        folder.to_path_buf()
    })
}
