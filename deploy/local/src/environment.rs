//! The variables that each process gets: one place, compared with `docker-compose.yml` and with what the binaries
//! themselves declare (`tests/configuration.rs`).

use std::collections::BTreeMap;

use crate::secrets::Secrets;

/// The four processes, in the order in which they are started.
pub const PROCESSES: [&str; 4] = ["identity", "org", "project", "gateway"];

/// Where everything listens.
#[derive(Debug, Clone)]
pub struct Ports {
    pub gateway: u16,
    pub identity: u16,
    pub org: u16,
    pub project: u16,
    pub postgres: u16,
    pub nats: u16,
    /// The gateway's internal port for `/metrics`.
    pub metrics: u16,
}

impl Ports {
    pub fn of(&self, process: &str) -> u16 {
        match process {
            "gateway" => self.gateway,
            "identity" => self.identity,
            "org" => self.org,
            "project" => self.project,
            other => unreachable!("{other} is none of the four processes"),
        }
    }
}

/// The environment of one process. `databases` is the name of each service's database.
pub fn of(
    process: &str,
    ports: &Ports,
    secrets: &Secrets,
    databases: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    let service_url = |name: &str| format!("http://127.0.0.1:{}", ports.of(name));

    set("TRELLIS_LISTEN", format!("127.0.0.1:{}", ports.of(process)));
    set("TRELLIS_NATS_URL", format!("nats://127.0.0.1:{}", ports.nats));
    set("TRELLIS_SERVICE_KEY", secrets.service_keys[process].clone());
    if process == "gateway" {
        for name in ["identity", "org", "project"] {
            set(&format!("TRELLIS_{}_URL", name.to_uppercase()), service_url(name));
        }
        set("TRELLIS_METRICS_LISTEN", format!("127.0.0.1:{}", ports.metrics));
        // For whoever tries things out, unless he says otherwise.
        let introspection = "TRELLIS_GRAPHQL_INTROSPECTION";
        set(introspection, std::env::var(introspection).unwrap_or_else(|_| "on".to_owned()));
        return Ok(with_passed_on(variables));
    }

    set("TRELLIS_PEER_KEYS", secrets.peer_keys()?);
    let database = |role: &str| {
        format!(
            "postgres://{role}:{}@127.0.0.1:{}/{}",
            secrets.role_passwords[role], ports.postgres, databases[process]
        )
    };
    set("TRELLIS_DATABASE_URL", database(&format!("trellis_{process}")));
    set("TRELLIS_MIGRATION_DATABASE_URL", database(&format!("trellis_{process}_owner")));
    match process {
        "identity" => {
            set("TRELLIS_TOKEN_SECRET", secrets.token_secret.clone());
            set("TRELLIS_ORG_URL", service_url("org"));
        }
        "org" => {
            set("TRELLIS_INVITATION_SECRET", secrets.invitation_secret.clone());
            set("TRELLIS_IDENTITY_URL", service_url("identity"));
        }
        _ => {
            set("TRELLIS_IDENTITY_URL", service_url("identity"));
            set("TRELLIS_ORG_URL", service_url("org"));
        }
    }
    Ok(with_passed_on(variables))
}

/// What the caller's shell sets goes on to the processes, where the launcher does not decide it:
/// `TRELLIS_LOG=debug make up` works.
fn with_passed_on(mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    const THE_LAUNCHERS_OWN: [&str; 4] =
        ["TRELLIS_POSTGRES_BIN", "TRELLIS_NATS_SERVER", "TRELLIS_TEST_DATABASE_URL", "TRELLIS_TEST_NATS_URL"];
    for (name, value) in std::env::vars() {
        let ours = name.starts_with("TRELLIS_") || name.starts_with("OTEL_");
        if ours && !THE_LAUNCHERS_OWN.contains(&name.as_str()) {
            variables.entry(name).or_insert(value);
        }
    }
    variables
}
