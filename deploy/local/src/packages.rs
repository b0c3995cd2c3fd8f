//! Finds PostgreSQL and nats-server, or installs them from the system's packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// The oldest versions that Trellis runs on.
pub const POSTGRES_AT_LEAST: u32 = 15;
pub const NATS_AT_LEAST: (u32, u32) = (2, 9);

/// Where the servers' programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The folder of `initdb`, `postgres` and `psql`.
    pub postgres: PathBuf,
    pub nats: PathBuf,
}

/// Finds both; installs what is missing, saying so through `say`.
pub fn find_or_install(say: &dyn Fn(&str)) -> anyhow::Result<Programs> {
    let (postgres, nats) = (find_postgres(), find_nats());
    let mut missing = Vec::new();
    if postgres.is_none() {
        missing.push("postgresql");
    }
    if nats.is_none() {
        missing.push("nats-server");
    }
    if missing.is_empty() {
        return found(postgres, nats);
    }
    install(
        &missing,
        "macOS: `brew install postgresql@16 nats-server`; Fedora: `dnf install postgresql-server`, nats-server from \
         nats.io",
        say,
    )?;
    found(find_postgres(), find_nats())
}

fn found(postgres: Option<PathBuf>, nats: Option<PathBuf>) -> anyhow::Result<Programs> {
    Ok(Programs {
        postgres: postgres.with_context(|| {
            format!(
                "no PostgreSQL {POSTGRES_AT_LEAST} or newer found. Install it, or set TRELLIS_POSTGRES_BIN to the \
                 folder that holds initdb and postgres"
            )
        })?,
        nats: nats.with_context(|| {
            format!(
                "no nats-server {}.{} or newer found. Install it, or set TRELLIS_NATS_SERVER to the program",
                NATS_AT_LEAST.0, NATS_AT_LEAST.1
            )
        })?,
    })
}

fn find_postgres() -> Option<PathBuf> {
    let named = std::env::var_os("TRELLIS_POSTGRES_BIN").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = named.into_iter().collect();
    for (parent, child) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr/local/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
    ] {
        let mut versions: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join(child)))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| {
        folder.join("initdb").exists()
            && version_of(&folder.join("postgres")).is_some_and(|(major, _)| major >= POSTGRES_AT_LEAST)
    })
}

fn find_nats() -> Option<PathBuf> {
    let named = std::env::var_os("TRELLIS_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("nats-server")))
        .chain([PathBuf::from("/usr/sbin/nats-server"), PathBuf::from("/usr/local/bin/nats-server")])
        .find(|program| version_of(program).is_some_and(|version| version >= NATS_AT_LEAST))
}

/// `postgres (PostgreSQL) 15.18 (…)`, `nats-server: v2.9.10` → major and minor.
pub fn version_of(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[start..].split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

/// Installs packages of Debian's; `elsewhere` says how one gets them on other systems.
pub fn install(packages: &[&str], elsewhere: &str, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    let names = packages.join(" and ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "{names} not found, and this system has no apt-get to install it with. Install it by the system's own \
             means ({elsewhere}), then run the same command again"
        );
    }
    let root = rustix::process::geteuid().is_root();
    if !root && !succeeds(Command::new("sudo").args(["-n", "true"])) {
        bail!(
            "{names} not found, and installing needs root. Run `sudo apt-get install {}`, then the same command \
             again",
            packages.join(" ")
        );
    }
    say(&format!("installing {names} with apt-get"));
    let script = include_str!("install.sh");
    let mut command = Command::new(if root { "sh" } else { "sudo" });
    if !root {
        command.args(["-n", "sh"]);
    }
    let output = command.args(["-c", script, "install"]).args(packages).output().context("cannot run apt-get")?;
    if !output.status.success() {
        bail!(
            "apt-get could not install {names}:\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_servers_print_them() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some((18, 0)));
        assert_eq!(parse_version("nats-server: v2.9.10"), Some((2, 9)));
        assert_eq!(parse_version("not a version"), None);
    }
}
