//! Reaching the database: processes that start together, in any order.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use trellis_eventlog::{Log, connect, migrate};
use trellis_local::testing;
use uuid::Uuid;

use crate::fixture::{Fixture, eventually, schema, secret};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_migrate_once() {
    let database = testing::database("org").unwrap();
    let mut processes = JoinSet::new();
    for _ in 0..5 {
        let url = secret(&database.owner_url);
        processes.spawn(async move { migrate(&url, &schema()).await.unwrap() });
    }
    processes.join_all().await;
    let pool = PgPool::connect(&database.owner_url).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
    assert_eq!(applied, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_yet_is_waited_for() {
    let server = testing::database_url().unwrap();
    let name = format!("test_eventlog_{}", Uuid::now_v7().simple());
    let (base, _) = server.rsplit_once('/').unwrap();
    let url = SecretString::from(format!("{base}/{name}"));
    let waiting = tokio::spawn(async move { connect(&url, 2).await.unwrap() });
    let admin = PgPool::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
    let pool = waiting.await.unwrap();
    let timeouts: (String, String) = sqlx::query_as(
        "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(timeouts, ("5s".to_owned(), "10s".to_owned()));
    pool.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&admin).await.unwrap();
}

/// The first connection shows that the database answers; the second is the pool's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_at_the_start_is_made_again() {
    let front = Front::start(|number| async move { number != 2 }).await;
    let pool = connect(&front.url(&testing::database_url().unwrap()), 2).await.unwrap();
    let answer: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.unwrap();
    assert_eq!(answer, 1);
}

/// A crowd waits for longer than anybody has patience, then each new connection takes a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_does_not_keep_connections_from_being_made() {
    let fixture = Fixture::new().await;
    let (silent, slow) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let front = Front::start({
        let (silent, slow) = (Arc::clone(&silent), Arc::clone(&slow));
        move |_| {
            let (silent, slow) = (Arc::clone(&silent), Arc::clone(&slow));
            async move {
                while silent.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                if slow.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                true
            }
        }
    })
    .await;
    let pool = connect(&front.url(&fixture.database.runtime_url), 2).await.unwrap();
    let log = Log::open(pool, "crowd", 1).await.unwrap();
    silent.store(true, Ordering::Relaxed);
    slow.store(true, Ordering::Relaxed);
    front.cut.send_replace(());
    let served = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    while !served.load(Ordering::Relaxed) {
        assert!(began.elapsed() < Duration::from_secs(40), "nobody is served");
        if began.elapsed() > Duration::from_secs(4) {
            silent.store(false, Ordering::Relaxed);
        }
        let (log, served) = (log.clone(), Arc::clone(&served));
        tokio::spawn(async move {
            if log.heads(&[]).await.is_ok() {
                served.store(true, Ordering::Relaxed);
            }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A way to the database that may hold connections up.
struct Front {
    address: SocketAddr,
    /// Ends all connections.
    cut: watch::Sender<()>,
}

impl Front {
    /// `admit` takes its time for each connection, by number, and says whether it is let through.
    async fn start<F>(admit: impl Fn(usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let server = testing::database_url().unwrap();
        let (_, place) = server.rsplit_once('@').unwrap();
        let to = place.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = watch::Sender::new(());
        let cutting = cut.clone();
        tokio::spawn(async move {
            for number in 1.. {
                let (mut client, _) = listener.accept().await.unwrap();
                let (admitted, to, mut cut) = (admit(number), to.clone(), cutting.subscribe());
                tokio::spawn(async move {
                    if admitted.await {
                        let mut database = TcpStream::connect(to).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut database) => {}
                            _ = cut.changed() => {}
                        }
                    }
                });
            }
        });
        Self { address, cut }
    }

    /// The same database by this way.
    fn url(&self, url: &str) -> SecretString {
        let (user, place) = url.rsplit_once('@').unwrap();
        let (_, database) = place.split_once('/').unwrap();
        SecretString::from(format!("{user}@{}/{database}", self.address))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_opened_however_long_the_database_takes() {
    let fixture = Fixture::new().await;
    let options = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(500));
    let pool = options.connect_lazy(&fixture.database.runtime_url).unwrap();
    let busy = loop {
        // Making it may take longer than that, too.
        if let Ok(busy) = pool.acquire().await {
            break busy;
        }
    };
    let (opened, began) = tokio::join!(Log::open(pool.clone(), "slow", 1), async {
        // The first try has failed by now.
        let failed = pool.acquire().await;
        drop(busy);
        failed.is_err()
    });
    assert!(began, "nobody could have a connection");
    assert_eq!(opened.unwrap().epoch(), fixture.log.epoch());
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error_at_once() {
    assert!(connect(&SecretString::from("not a url"), 1).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ended_are_not_handed_out() {
    let fixture = Fixture::new().await;
    let scope = fixture.new_scope().await;
    // Several connections, all of them idle long enough to be tested.
    let held = futures_util::future::join_all((0..4).map(|_| fixture.log.pool().acquire())).await;
    drop(held);
    let pool = fixture.log.pool();
    eventually("all are back", async || pool.num_idle() == pool.size() as usize).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let superuser = PgPool::connect(&fixture.database.superuser_url).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&superuser)
    .await
    .unwrap();
    for seq in 1..=6 {
        assert_eq!(fixture.append(scope).await.seq, seq);
    }
}
