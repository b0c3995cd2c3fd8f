//! Cargo, started by a program that cargo itself may have started.

use std::process::Command;

use anyhow::{Context as _, bail};

/// A cargo in the checkout's root: the one that runs this program, where one does.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::root());
    forget_package(&mut cargo);
    cargo
}

/// Takes away what `cargo run` tells its program of its package.
///
/// Some build scripts (ring's) are run again wherever these variables differ from the last build's, and then all is
/// compiled anew that depends on them: minutes, whenever a build by this program follows one by hand, or the reverse.
pub fn forget_package(command: &mut Command) {
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(variable);
        }
    }
}

/// Builds all binaries in the profile that the launcher itself was built in.
pub fn build() -> anyhow::Result<()> {
    let mut cargo = cargo();
    cargo.args(["build", "--locked", "--workspace", "--bins"]);
    if crate::binaries()?.ends_with("release") {
        cargo.arg("--release");
    }
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("the build failed: see above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_the_same_whoever_starts_it() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo runs this test");
        let mut command = Command::new("env");
        forget_package(&mut command);
        let seen = String::from_utf8(command.output().expect("env runs").stdout).expect("text");
        let left: Vec<_> =
            seen.lines().filter(|line| line.starts_with("CARGO_PKG_") || line.starts_with("CARGO_MANIFEST_")).collect();
        assert_eq!(left, [""; 0]);
        assert!(seen.contains("PATH="));
    }
}
