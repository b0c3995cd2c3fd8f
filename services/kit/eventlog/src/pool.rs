//! Reaching the database: a pool with limits on everything that could hang, and migrations.

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::time::{Instant, sleep};

use crate::outage::is_outage;

/// The advisory lock of who migrates (two-number locks are apart from the one-number locks of idempotency keys).
const MIGRATING: (i32, i32) = (0x7472, 1);
/// Between tries to reach something that is not there yet.
pub(crate) const RETRY: Duration = Duration::from_millis(250);
/// How often the log says what is waited for.
const SAY: Duration = Duration::from_secs(5);
/// Between two measurements of the pool's use.
const MEASURE: Duration = Duration::from_secs(1);
/// How long a connection may take to be free or made. Writers and readers queue before the pool (`queue`, `reads`), so
/// that a long wait here means that something is wrong. Not shorter: a half-made connection is given up with the wait,
/// and after an outage of the database, when all are made at once, none would ever be finished.
const ACQUIRE: Duration = Duration::from_secs(3);
/// A connection that was idle for longer is tested before it is used: a test costs a round trip, and after a
/// restart of the database nearly all connections have been idle for so long.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A pool for the service's runtime role. Waits until the database answers, and says so.
pub async fn connect(url: &SecretString, connections: u32) -> Result<PgPool, sqlx::Error> {
    let options = options(url)?.options([
        ("statement_timeout", "5s"),
        // Every statement here is a short one: compiling those that the planner thinks dear costs more than it saves.
        ("jit", "off"),
        // A transaction that nobody ends (a bug, a leak) gives its locks back.
        ("idle_in_transaction_session_timeout", "10s"),
        crate::wall::OUTSIDE,
    ]);
    wait_for_database(&options).await?.close().await.ok();
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    warm_up(&pool).await?;
    tokio::spawn(measure(pool.clone()));
    Ok(pool)
}

/// The first connection of the pool. The database has answered just now: that a busy machine takes longer than callers
/// may wait, or that the connection breaks, is no reason to end.
async fn warm_up(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut waiting = Waiting::new();
    loop {
        match pool.acquire().await {
            Ok(_) => return Ok(()),
            Err(error) if is_outage(&error) => {
                if waiting.should_say() {
                    tracing::warn!(%error, "waiting for the database: it does not let the service in");
                }
                sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Tells how the pool is used until it is closed.
async fn measure(pool: PgPool) {
    metrics::describe_gauge!("trellis_database_connections", "Connections of the pool, by state.");
    let (idle, used) = (
        metrics::gauge!("trellis_database_connections", "state" => "idle"),
        metrics::gauge!("trellis_database_connections", "state" => "used"),
    );
    let sample = async {
        loop {
            let unused = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            idle.set(unused);
            used.set(pool.size().saturating_sub(unused));
            sleep(MEASURE).await;
        }
    };
    tokio::select! {
        () = sample => {}
        () = pool.close_event() => {}
    }
}

/// Brings the tables up to date with the owner's role. One process at a time: the others wait their turn, then find
/// nothing to do. Waits until the database answers, and says what it waits for.
pub async fn migrate(url: &SecretString, migrator: &Migrator) -> Result<(), MigrateError> {
    // A statement of a migration may take long, but must not stand in everybody's way while it waits for a lock.
    let options = options(url)?.options([("lock_timeout", "4s")]);
    let mut migrator = Migrator::with_migrations(migrator.iter().cloned().collect());
    // sqlx would wait inside `pg_advisory_lock`, and so deadlock with CREATE INDEX CONCURRENTLY, which waits for
    // every open statement.
    migrator.set_locking(false);
    // A newer version may have been here: migrations are backward compatible, and a rollback must be able to start.
    migrator.set_ignore_missing(true);
    loop {
        let mut connection = wait_for_database(&options).await?;
        let done = match wait_for_turn(&mut connection).await {
            // As `run` does with what it acquires; through `Acquire` the future would not be `Send`.
            Ok(()) => migrator.run_direct(None, &mut connection, false).await,
            Err(error) => Err(error.into()),
        };
        match done {
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "could not migrate yet, trying again");
                drop(connection);
                sleep(RETRY).await;
            }
            done => {
                // Closing gives the lock back.
                connection.close().await.ok();
                return done;
            }
        }
    }
}

/// Options that every connection has: a name, and an end when the other side is gone.
pub(crate) fn options(url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.expose_secret())?;
    let name = match options.get_application_name() {
        Some(name) => name.to_owned(),
        None => process_name(),
    };
    // sqlx cannot set keepalives on its own socket; these are the server's, so that it notices a client that is gone.
    Ok(options.application_name(&name).options([
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "10s"),
    ]))
}

pub(crate) fn process_name() -> String {
    let executable = std::env::current_exe().ok();
    let name = executable.as_deref().and_then(std::path::Path::file_name).and_then(std::ffi::OsStr::to_str);
    name.unwrap_or("trellis").to_owned()
}

/// The first connection, however long it takes; only settings that can never work are an error.
async fn wait_for_database(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut waiting = Waiting::new();
    loop {
        let tried = tokio::time::timeout(SAY, PgConnection::connect_with(options)).await;
        let reason = match tried {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error @ sqlx::Error::Configuration(_))) => return Err(error),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        if waiting.should_say() {
            let (host, port) = (options.get_host(), options.get_port());
            let (database, role) = (options.get_database().unwrap_or_default(), options.get_username());
            tracing::warn!(host, port, database, role, reason, "waiting for the database");
        }
        sleep(RETRY).await;
    }
}

async fn wait_for_turn(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut waiting = Waiting::new();
    loop {
        let ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)")
            .bind(MIGRATING.0)
            .bind(MIGRATING.1)
            .fetch_one(&mut *connection)
            .await?;
        if ours {
            return Ok(());
        }
        if waiting.should_say() {
            tracing::info!("waiting for another process that migrates the database");
        }
        sleep(RETRY).await;
    }
}

/// Whether trying again can help: a lock was not free in time, or the connection was lost.
fn is_passing(error: &MigrateError) -> bool {
    matches!(error, MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if is_outage(error))
}

/// Says what is waited for soon, then every 5 s.
pub(crate) struct Waiting {
    next: Instant,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        // Not for the first moment: processes that start together are not worth a line.
        Self { next: Instant::now() + RETRY }
    }

    pub(crate) fn should_say(&mut self) -> bool {
        let now = Instant::now();
        let say = now >= self.next;
        if say {
            self.next = now + SAY;
        }
        say
    }
}
