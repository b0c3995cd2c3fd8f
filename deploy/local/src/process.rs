//! One child process: started with a log of its own, watched, ended by its pid.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How to start it; kept, so that it can be started again.
#[derive(Debug, Clone)]
pub struct Plan {
    /// For people: "identity", "postgres".
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Runs as this user, where given (only root can).
    pub user: Option<User>,
    pub folder: PathBuf,
    pub log: PathBuf,
    /// How it is asked to end.
    pub stop: Signal,
}

/// A system user to run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

pub struct Process {
    pub plan: Plan,
    child: Child,
}

impl Process {
    pub fn start(plan: Plan) -> anyhow::Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&plan.log)
            .with_context(|| format!("cannot write {}", plan.log.display()))?;
        let mut command = wrapped(&plan);
        command
            .env_clear()
            .envs(kept_environment())
            .envs(&plan.environment)
            .current_dir(&plan.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal goes to the launcher alone, which ends the others in order.
            .process_group(0);
        let child =
            command.spawn().with_context(|| format!("cannot start {} ({})", plan.name, plan.program.display()))?;
        Ok(Self { plan, child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal; a process that is gone is no error.
    pub fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            kill_process(pid, signal).ok();
        }
    }

    /// Asks it to end, and does not wait.
    pub fn ask_to_stop(&mut self) {
        if self.ended().is_none() {
            self.signal(self.plan.stop);
        }
    }

    /// Asks it to end, and ends it by force where it does not within `patience`.
    pub fn stop(&mut self, patience: Duration) -> anyhow::Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        self.signal(self.plan.stop);
        let deadline = Instant::now() + patience;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                self.kill()?;
                bail!("{} did not stop within {} s and was killed", self.plan.name, patience.as_secs());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again, by the same plan.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        if self.ended().is_none() {
            self.stop(Duration::from_secs(30))?;
        }
        *self = Self::start(self.plan.clone())?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// The last lines of a log, for an error's text.
pub fn last_lines(log: &Path, lines: usize) -> String {
    let Ok(mut file) = File::open(log) else {
        return String::new();
    };
    let length = file.metadata().map_or(0, |meta| meta.len());
    file.seek(SeekFrom::Start(length.saturating_sub(8192))).ok();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// `setpriv` where there is one: it drops privileges, and ends the child when the launcher is killed.
fn wrapped(plan: &Plan) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut command = if setpriv.exists() {
        let mut command = Command::new(setpriv);
        let signal = if plan.stop == Signal::INT { "INT" } else { "TERM" };
        command.args(["--pdeathsig", signal]);
        if let Some(user) = &plan.user {
            command.args([
                format!("--reuid={}", user.uid),
                format!("--regid={}", user.gid),
                "--clear-groups".to_owned(),
            ]);
        }
        command.arg("--").arg(&plan.program);
        command
    } else {
        let mut command = Command::new(&plan.program);
        if let Some(user) = &plan.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    };
    command.args(&plan.arguments);
    command
}

/// What a child gets of the launcher's own environment: nothing that configures Trellis by accident.
fn kept_environment() -> impl Iterator<Item = (String, String)> {
    ["PATH", "HOME", "TMPDIR", "TZ", "LANG", "RUST_BACKTRACE"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}

/// Makes a folder, for `user` alone where given.
pub fn folder_for(path: &Path, user: Option<&User>) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    if let Some(user) = user {
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("cannot give {} to {}", path.display(), user.name))?;
    }
    Ok(())
}
