//! Finds Node.js with npm and Python with venv, or installs them: for the tests that run clients which others wrote.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::packages::{install, version_of};

/// The oldest versions that the clients in `tests/clients` run on.
pub const NODE_AT_LEAST: u32 = 18;
pub const PYTHON_AT_LEAST: (u32, u32) = (3, 11);

/// Programs that run clients.
#[derive(Debug, Clone)]
pub struct Runtimes {
    pub node: PathBuf,
    pub npm: PathBuf,
    /// One that can make virtual environments.
    pub python: PathBuf,
}

/// Finds all; installs what is missing, saying so through `say`.
pub fn find_or_install(say: &dyn Fn(&str)) -> anyhow::Result<Runtimes> {
    let mut missing = Vec::new();
    if find_node().is_none() {
        missing.push("nodejs");
    }
    if find_npm().is_none() {
        missing.push("npm");
    }
    if find_python().is_none() {
        missing.extend(["python3", "python3-venv"]);
    }
    if !missing.is_empty() {
        install(&missing, "macOS: `brew install node python`; Fedora: `dnf install nodejs-npm python3`", say)?;
    }
    Ok(Runtimes {
        node: find_node().with_context(|| format!("no Node.js {NODE_AT_LEAST} or newer found: install it"))?,
        npm: find_npm().context("no npm found: install it")?,
        python: find_python().with_context(|| {
            let (major, minor) = PYTHON_AT_LEAST;
            format!("no Python {major}.{minor} or newer with venv found: install it")
        })?,
    })
}

fn find_node() -> Option<PathBuf> {
    candidates("node").find(|program| version_of(program).is_some_and(|(major, _)| major >= NODE_AT_LEAST))
}

fn find_npm() -> Option<PathBuf> {
    candidates("npm").find(|program| version_of(program).is_some())
}

fn find_python() -> Option<PathBuf> {
    candidates("python3").find(|program| {
        // Debian's Python has the module `venv`, but not what it needs, before python3-venv is installed.
        version_of(program).is_some_and(|version| version >= PYTHON_AT_LEAST)
            && Command::new(program)
                .args(["-c", "import venv, ensurepip"])
                .output()
                .is_ok_and(|output| output.status.success())
    })
}

/// Those on the path, then the system's own.
fn candidates(name: &'static str) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(move |folder| folder.join(name))
        .chain([Path::new("/usr/bin").join(name)])
        .collect::<Vec<_>>()
        .into_iter()
}
