//! Everything that the three databases hold: what was refused must have left no trace in any of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, PgPool};

use crate::world::World;

/// Not compared: how far the background work of the services is, which moves on its own.
const BOOKKEEPING: [&str; 6] = ["outbox", "undigested", "relay_stream", "republish", "org_feed", "_sqlx_migrations"];

/// Every row of every table, as text.
pub struct Snapshot(BTreeMap<String, BTreeSet<String>>);

impl Snapshot {
    /// When everything that was written before has been published, and everybody was notified of it.
    pub async fn take(world: &World) -> Self {
        let mut tables = BTreeMap::new();
        until_notified(world).await;
        for (service, pool) in &world.databases {
            let deadline = Instant::now() + Duration::from_secs(30);
            while scalar::<i64>(pool, "SELECT count(*) FROM outbox").await > 0 {
                assert!(Instant::now() < deadline, "{service} does not publish what it wrote");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let names: Vec<String> = sqlx::query_scalar(
                "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')",
            )
            .fetch_all(pool)
            .await
            .unwrap();
            assert!(names.len() > 5, "{service} has only the tables {names:?}");
            for name in names.into_iter().filter(|name| !BOOKKEEPING.contains(&name.as_str())) {
                let sql = AssertSqlSafe(format!("SELECT t::text FROM public.\"{name}\" t"));
                let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await.unwrap();
                tables.insert(format!("{service}.{name}"), rows.into_iter().collect());
            }
        }
        Self(tables)
    }

    /// What is no more, and what is new, one line each.
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (table, rows) in &self.0 {
            let now = &after.0[table];
            changes.extend(rows.difference(now).map(|row| format!("{table}: gone: {row}")));
            changes.extend(now.difference(rows).map(|row| format!("{table}: new: {row}")));
        }
        changes
    }
}

/// The project service has acted on all that happened in its own database and in org's: a deleted organization is noted
/// when org's feed is read, and its rows go up to a second later.
async fn until_notified(world: &World) {
    let (org, project) = (&world.databases["org"], &world.databases["project"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let head: i64 = scalar(org, "SELECT coalesce(max(seq), 0) FROM event_log").await;
        let place: i64 = scalar(project, "SELECT head FROM org_feed").await;
        let left: i64 =
            scalar(project, "SELECT (SELECT count(*) FROM undigested) + (SELECT count(*) FROM leavings)").await;
        if place >= head && left == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "the project service does not follow: {place} of {head}, {left} left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn scalar<T>(pool: &PgPool, sql: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
