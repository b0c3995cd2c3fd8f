//! Canaries: secrets that are planted wherever a client could put them, in requests that work and in ones that fail, and
//! then looked for where no secret belongs: logs at the level `trace`, exported traces, metrics, refusals.

mod plants;
mod watch;

use std::{collections::BTreeMap, sync::Mutex};

use sqlx::{Connection as _, PgConnection, Row as _};
use trellis_local::{ports, testing::TestCluster};
use trellis_tests::Api;

use plants::Canaries;
use watch::{Collector, Found, Searched};

/// As loud as it gets, libraries that see secrets by name.
const LOUDEST: &str = "trace,h2=trace,hyper=trace,hyper_util=trace,tonic=trace,tower=trace,axum=trace,sqlx=trace,\
    sqlx::query=trace,tungstenite=trace,tokio_tungstenite=trace,async_nats=trace,rustls=trace,opentelemetry=trace,\
    opentelemetry-otlp=trace,moka=trace,mio=trace,log=trace";

#[test]
fn no_secret_is_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let collector = runtime.block_on(Collector::start());
    let (environments, metrics) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let mut cluster = TestCluster::start_with(|process, environment| {
        let port = ports::free().expect("a port");
        for (name, value) in [
            ("TRELLIS_LOG", LOUDEST.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
            ("TRELLIS_TRACE_SAMPLE_RATIO", "1".to_owned()),
            ("TRELLIS_RATE_LIMITS", "off".to_owned()),
            ("TRELLIS_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("TRELLIS_METRICS_LISTEN", format!("127.0.0.1:{port}")),
            ("RUST_BACKTRACE", "1".to_owned()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        metrics.lock().unwrap().push(format!("http://127.0.0.1:{port}/metrics"));
        environments.lock().unwrap().insert(process.to_owned(), environment.clone());
    })
    .expect("a cluster");
    let environments = environments.into_inner().unwrap();

    let api = Api::new(cluster.cluster.url());
    let mut canaries = Canaries::default();
    for name in ["TRELLIS_SERVICE_KEY", "TRELLIS_TOKEN_SECRET", "TRELLIS_INVITATION_SECRET"] {
        for secret in environments.values().filter_map(|environment| environment.get(name)) {
            canaries.add(name, secret);
        }
    }
    canaries.add("a database's password", ":trellis-test@");
    let searched = runtime.block_on(async {
        for seed in seeds(&environments["identity"]["TRELLIS_MIGRATION_DATABASE_URL"]).await {
            canaries.add_bytes("a signing key", &seed);
        }
        let mut searched = Searched::default();
        plants::plant(&api, &mut canaries, &mut searched).await;
        for service in ["identity", "org", "project"] {
            let away = Away::take(&environments[service]["TRELLIS_DATABASE_URL"]).await;
            plants::plant_again(&api, &canaries, &mut searched).await;
            away.give_back().await;
        }
        for url in metrics.into_inner().unwrap() {
            let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
            assert!(text.contains("# TYPE"), "{url}: {text}");
            searched.add(&url, text);
        }
        searched
    });

    cluster.cluster.stop().expect("it ends");
    let mut searched = searched;
    for process in ["gateway", "identity", "org", "project"] {
        let log = std::fs::read(&cluster.cluster.process(process).plan.log).expect("a log");
        searched.add(&format!("the log of {process}"), log);
    }
    searched.add("the exported traces", collector.exported());

    // They were told of what happened, else nothing is proven.
    searched.holds("the log of gateway", &["request done", "/api/v1/auth/login", "unmatched"]);
    searched.holds("the log of identity", &["\"level\":\"WARN\"", "the database cannot be used"]);
    searched.holds("the exported traces", &["trellis-gateway", "trellis-identity", "POST /api/v1/auth/login"]);
    let found: Vec<Found> = searched.find(&canaries);
    assert!(found.is_empty(), "{} canaries were seen:\n{}", found.len(), watch::shown(&found));
}

/// The seeds of the keys that sign access tokens.
async fn seeds(database: &str) -> Vec<Vec<u8>> {
    let mut connection = PgConnection::connect(database).await.expect("identity's database");
    let rows = sqlx::query("SELECT seed FROM signing_keys").fetch_all(&mut connection).await.expect("its keys");
    assert!(!rows.is_empty());
    rows.iter().map(|row| row.get("seed")).collect()
}

/// A database that nobody can use.
struct Away {
    name: String,
    server: PgConnection,
}

impl Away {
    async fn take(url: &str) -> Self {
        let name = url.rsplit('/').next().expect("a name").to_owned();
        let superuser = trellis_local::testing::database_url().expect("the tests' server");
        let mut server = PgConnection::connect(&superuser).await.expect("the superuser");
        for sql in [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut server).await.expect("it is taken away");
        }
        Self { name, server }
    }

    async fn give_back(mut self) {
        let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.server).await.expect("it is given back");
    }
}
