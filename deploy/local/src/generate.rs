//! `make generate`: what is committed but follows from the code. CI runs it and fails where something differs.
//!
//! sqlx's query data of each service (`.sqlx`), the OpenAPI document, the GraphQL schema, and the tables of settings in
//! the READMEs.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};

use crate::{
    cargo::{build, cargo},
    environment::PROCESSES,
    packages,
    testing::TestServers,
    up::say,
};

/// Between these two lines of a README stands its table of settings.
const BEGIN: &str = "<!-- settings: `make generate` writes this table -->";
const END: &str = "<!-- /settings -->";

pub fn generate() -> anyhow::Result<()> {
    let programs = packages::find_or_install(&|line| say(line))?;
    let folder =
        crate::servers::reachable(&std::env::temp_dir())?.join(format!("trellis-generate-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let servers = TestServers::start(&programs, folder)?;
    for service in ["identity", "org", "project"] {
        say(&format!("query data of {service}"));
        query_data(service, &servers)?;
    }
    say("settings, OpenAPI and GraphQL schema");
    build()?;
    for process in PROCESSES {
        let readme = if process == "gateway" {
            crate::root().join("gateway/README.md")
        } else {
            crate::root().join("services").join(process).join("README.md")
        };
        let text = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
        let table = output_of(process, "--settings")?;
        fs::write(&readme, with_table(&text, &table).with_context(|| format!("{}", readme.display()))?)?;
    }
    fs::write(crate::root().join("gateway/openapi.json"), output_of("gateway", "--openapi")?)?;
    fs::write(crate::root().join("gateway/schema.graphql"), output_of("gateway", "--graphql")?)?;
    Ok(())
}

/// Migrates an empty database and lets sqlx's macros check every query against it.
fn query_data(service: &str, servers: &TestServers) -> anyhow::Result<()> {
    let database = format!("generate_{service}");
    servers.postgres.psql(&format!("CREATE DATABASE {database}"), &[])?;
    let (server, _) =
        servers.postgres.url().rsplit_once('/').map(|(s, d)| (s.to_owned(), d.to_owned())).context("no URL")?;
    let url = format!("{server}/{database}");
    let folder = crate::root().join("services").join(service);
    let mut migrations: Vec<_> =
        fs::read_dir(folder.join("migrations"))?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    migrations.sort();
    let psql = packages::find_or_install(&|_| ())?.postgres.join("psql");
    for migration in migrations {
        crate::servers::psql(&psql, &url, &fs::read_to_string(&migration)?, &[])
            .with_context(|| format!("{}", migration.display()))?;
    }
    let data = folder.join(".sqlx");
    fs::remove_dir_all(&data).ok();
    fs::create_dir_all(&data)?;
    // The macros run when the crate is compiled, so it must look changed.
    touch(&folder.join("src/lib.rs"))?;
    let status = cargo()
        .args(["check", "--locked", "--quiet", "-p", &format!("trellis-{service}")])
        .env("SQLX_OFFLINE_DIR", &data)
        .env("SQLX_OFFLINE", "false")
        .env(format!("{}_DATABASE_URL", service.to_uppercase()), &url)
        .status()?;
    ensure!(status.success(), "cargo check of trellis-{service} failed");
    Ok(())
}

fn touch(file: &Path) -> anyhow::Result<()> {
    fs::File::options()
        .append(true)
        .open(file)
        .and_then(|file| file.set_modified(std::time::SystemTime::now()))
        .with_context(|| format!("cannot touch {}", file.display()))
}

fn output_of(process: &str, argument: &str) -> anyhow::Result<String> {
    let program = crate::binaries()?.join(format!("trellis-{process}"));
    let output = Command::new(&program).arg(argument).output()?;
    if !output.status.success() {
        bail!("{} {argument}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn with_table(readme: &str, table: &str) -> anyhow::Result<String> {
    let (before, rest) = readme.split_once(BEGIN).with_context(|| format!("has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_put_between_its_marks_and_nothing_else_changes() {
        let readme = format!("# x\n{BEGIN}\nold\n{END}\nend\n");
        assert_eq!(with_table(&readme, "new\n").unwrap(), format!("# x\n{BEGIN}\n\nnew\n\n{END}\nend\n"));
        assert!(with_table("# x\n", "new").is_err());
    }
}
