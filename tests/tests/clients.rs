//! Clients that others wrote, as their users have them: npm's and Python's packages against the shared cluster.
//!
//! The scripts are in `tests/clients`; each can also be run by hand against `make up`. What they need is installed under
//! `target/tmp` and kept there until a lock file changes.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use tokio::{process::Command, sync::OnceCell, time::timeout};
use trellis_local::runtimes::{self, Runtimes};

/// What a package manager says when it cannot reach its registry; nothing else lets a test be skipped.
const UNREACHABLE: [&str; 15] = [
    // npm
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    // pip
    "Failed to establish a new connection",
    "Failed to resolve",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    // apt-get
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect",
    "Unable to connect",
];

/// None where a registry could not be reached, which has been said.
static NODE: OnceCell<Option<Node>> = OnceCell::const_new();
static PYTHON: OnceCell<Option<PathBuf>> = OnceCell::const_new();

struct Node {
    program: PathBuf,
    /// Scripts and packages.
    folder: PathBuf,
}

#[tokio::test]
async fn graphql_over_http_passes_every_audit() {
    run_node("audits.mjs").await;
}

#[tokio::test]
async fn graphql_ws_reconnects_and_misses_nothing() {
    run_node("live.mjs").await;
}

#[tokio::test]
async fn apollo_client_works_with_the_originals_operations() {
    run_node("apollo.mjs").await;
}

#[tokio::test]
async fn python_gql_queries_changes_and_subscribes() {
    let Some(python) = PYTHON.get_or_init(install_python).await else { return };
    run(Command::new(python).arg(source().join("python_gql.py"))).await;
}

async fn run_node(script: &str) {
    let Some(node) = NODE.get_or_init(install_node).await else { return };
    run(Command::new(&node.program).arg(node.folder.join(script))).await;
}

/// Runs a script against the shared cluster; shows all that it said where it fails.
async fn run(command: &mut Command) {
    let base = tokio::task::spawn_blocking(trellis_tests::base).await.unwrap();
    let output = finished(command.arg(base), Duration::from_mins(4)).await;
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}

async fn install_node() -> Option<Node> {
    let runtimes = runtimes().await?;
    let (folder, _lock) = kept("node");
    let state = state(&runtimes.node, "package-lock.json").await;
    if fs::read_to_string(folder.join("state")).ok() != Some(state.clone()) {
        empty(&folder);
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(source().join(file), folder.join(file)).unwrap();
        }
        let mut npm = Command::new(&runtimes.npm);
        installed(
            "npm ci",
            &finished(npm.args(["ci", "--fetch-retry-mintimeout=2000"]).current_dir(&folder), Duration::from_mins(5))
                .await,
        )?;
        fs::write(folder.join("state"), state).unwrap();
    }
    // Node looks for packages beside the script.
    for script in fs::read_dir(source()).unwrap().map(|entry| entry.unwrap().path()) {
        if script.extension().is_some_and(|extension| extension == "mjs") {
            fs::copy(&script, folder.join(script.file_name().unwrap())).unwrap();
        }
    }
    Some(Node { program: runtimes.node, folder })
}

async fn install_python() -> Option<PathBuf> {
    let runtimes = runtimes().await?;
    let (folder, _lock) = kept("python");
    let python = folder.join("venv/bin/python");
    let state = state(&runtimes.python, "requirements.txt").await;
    if fs::read_to_string(folder.join("state")).ok() != Some(state.clone()) {
        empty(&folder);
        let mut venv = Command::new(&runtimes.python);
        let made = finished(venv.args(["-m", "venv"]).arg(folder.join("venv")), Duration::from_mins(2)).await;
        assert!(made.status.success(), "python -m venv: {}", said(&made));
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--retries", "2", "-r"]);
        pip.arg(source().join("requirements.txt"));
        installed("pip install", &finished(&mut pip, Duration::from_mins(5)).await)?;
        fs::write(folder.join("state"), state).unwrap();
    }
    Some(python)
}

async fn runtimes() -> Option<Runtimes> {
    // One at a time: apt-get has a lock of its own, which it does not wait for.
    static FOUND: OnceCell<Option<Runtimes>> = OnceCell::const_new();
    FOUND
        .get_or_init(|| async {
            let found = tokio::task::spawn_blocking(|| runtimes::find_or_install(&|line| say(line))).await.unwrap();
            match found {
                Ok(runtimes) => Some(runtimes),
                Err(error) => skipped("apt-get", &format!("{error:#}")),
            }
        })
        .await
        .clone()
}

/// Fails where the installation did, for any other reason than a registry that is out of reach.
fn installed(what: &str, output: &Output) -> Option<()> {
    if output.status.success() { Some(()) } else { skipped(what, &said(output)) }
}

fn skipped<T>(what: &str, said: &str) -> Option<T> {
    assert!(UNREACHABLE.iter().any(|sign| said.contains(sign)), "{what} failed: {said}");
    say(&format!("\n*** SKIPPED: tests with clients of others; {what} cannot reach its registry ***\n{said}"));
    None
}

/// A line for people, which the test runner does not hold back.
fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

fn source() -> PathBuf {
    trellis_local::root().join("tests/clients")
}

/// A folder that outlives this run, locked against other runs until the file is dropped.
fn kept(name: &str) -> (PathBuf, fs::File) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    (folder, lock)
}

fn empty(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::create_dir_all(folder).unwrap();
}

/// What an installation follows from.
async fn state(program: &Path, lock: &str) -> String {
    let version = finished(Command::new(program).arg("--version"), Duration::from_mins(1)).await;
    format!("{}{}", String::from_utf8_lossy(&version.stdout), fs::read_to_string(source().join(lock)).unwrap())
}

async fn finished(command: &mut Command, patience: Duration) -> Output {
    let run = command.kill_on_drop(true).output();
    let Ok(output) = timeout(patience, run).await else {
        panic!("{command:?} has not ended after {} s", patience.as_secs());
    };
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
