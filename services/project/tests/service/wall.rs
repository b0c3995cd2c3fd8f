//! Row-level security, the second wall: what statements see that forget whose rows they are about.

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, pool::PoolConnection};
use trellis_eventlog::{Log, connect};
use trellis_proto::project::v1::{
    CreateCommentRequest, CreateProjectRequest, CreateTaskRequest, DeleteProjectRequest, DeleteTaskRequest,
    WatchTaskRequest,
};
use uuid::Uuid;

use crate::harness::{Harness, Person};

/// Every table that has `org_id`.
const WALLED: [&str; 8] =
    ["tenants", "projects", "tasks", "comments", "activity", "watchers", "deleted_projects", "deleted_tasks"];

#[tokio::test(flavor = "multi_thread")]
async fn without_a_condition_only_rows_of_the_organization_are_there() {
    let (it, other) = two_organizations().await;
    let log = log(&it, 4).await;
    for table in WALLED {
        let everywhere = rows(&mut it.db.acquire().await.unwrap(), table).await;
        let mut seen = Vec::new();
        for org in [it.acme, other] {
            let mut reader = log.reader(org).await.unwrap();
            let orgs = organizations(&mut reader, table).await;
            assert_eq!(orgs, [org], "{table}");
            seen.push(rows(&mut reader, table).await);
        }
        // Both have some, and nobody else has any.
        assert_eq!(seen.iter().sum::<i64>(), everywhere, "{table}");
        assert_eq!(rows(&mut log.reader(Uuid::now_v7()).await.unwrap(), table).await, 0, "{table}");
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_no_organization_sees_none_on_connections_that_were_used_before_too() {
    let (it, _) = two_organizations().await;
    // One connection: whatever a transaction left on it would be seen by the next.
    let log = log(&it, 1).await;
    for used in 0..4 {
        let mut conn = log.pool().acquire().await.unwrap();
        for table in WALLED {
            assert_eq!(rows(&mut conn, table).await, 0, "{table}, use {used}");
        }
        drop(conn);
        match used {
            0 => drop(log.reader(it.acme).await.unwrap()),
            // Cancelled at its first step, when the transaction may be begun and nobody was told.
            1 => {
                let begun = tokio::time::timeout(std::time::Duration::ZERO, log.reader(it.acme)).await;
                drop(begun);
            }
            _ => log.of(it.acme).begin_unlogged().await.unwrap().commit().await.unwrap(),
        }
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_without_a_condition_touch_only_the_organization_and_none_goes_elsewhere() {
    let (it, other) = two_organizations().await;
    let log = log(&it, 4).await;
    let before = digest(&it, other).await;

    let mut write = log.of(it.acme).begin_unlogged().await.unwrap();
    for sql in [
        "UPDATE tasks SET title = 'changed'",
        "UPDATE projects SET name = 'changed'",
        "UPDATE comments SET content = 'changed'",
        "DELETE FROM activity",
        "DELETE FROM watchers",
        "DELETE FROM comments",
        "DELETE FROM deleted_tasks",
        "DELETE FROM deleted_projects",
        // Tasks of it go with it, past the policies: a foreign key is of one organization.
        "DELETE FROM projects",
    ] {
        assert!(sqlx::query(sql).execute(write.conn()).await.unwrap().rows_affected() > 0, "{sql}");
    }
    write.commit().await.unwrap();
    assert_eq!(digest(&it, other).await, before);
    assert_eq!(it.count("SELECT count(DISTINCT org_id) FROM tasks").await, 1);

    for sql in [
        format!("INSERT INTO tenants (org_id) VALUES ('{}')", Uuid::now_v7()),
        format!("UPDATE tenants SET org_id = '{other}'"),
        format!("INSERT INTO deleted_projects (org_id, id, slug, key, seq) VALUES ('{other}', '{other}', 'a', 'A', 1)"),
    ] {
        let mut write = log.of(it.acme).begin_unlogged().await.unwrap();
        let refused = sqlx::query(AssertSqlSafe(sql.clone())).execute(write.conn()).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{sql}: {refused}");
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_the_version_before_goes_on_beside_this_one() {
    let (it, other) = two_organizations().await;
    // It knows no setting, and reads and writes as the same role.
    let mut old = PgConnection::connect(&it.database.runtime_url).await.unwrap();
    for table in WALLED {
        assert_eq!(rows(&mut old, table).await, rows(&mut it.db.acquire().await.unwrap(), table).await, "{table}");
    }
    let sql = "UPDATE tasks SET title = 'by the version before' WHERE org_id = $1";
    let done = sqlx::query(sql).bind(other).execute(&mut old).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    old.close().await.unwrap();
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeping_sees_deleted_names_and_nothing_else() {
    let (it, _) = two_organizations().await;
    let log = log(&it, 2).await;
    let mut sweep = log.begin_unlogged().await.unwrap();
    sqlx::query("SET LOCAL trellis.sweep = 'on'").execute(sweep.conn()).await.unwrap();
    for table in WALLED {
        let everywhere = rows(&mut it.db.acquire().await.unwrap(), table).await;
        let wanted = if table.starts_with("deleted_") { everywhere } else { 0 };
        assert_eq!(rows(sweep.conn(), table).await, wanted, "{table}");
    }
    // It deletes, and changes nothing.
    let changed = sqlx::query("UPDATE deleted_tasks SET seq = seq").execute(sweep.conn()).await.unwrap();
    assert_eq!(changed.rows_affected(), 0);
    let gone = sqlx::query("DELETE FROM deleted_tasks").execute(sweep.conn()).await.unwrap();
    assert!(gone.rows_affected() >= 2);
    drop(sweep);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_an_organization_is_walled_for_the_role_that_runs_and_for_the_owner() {
    let it = Harness::start().await;
    let tables: Vec<(String, bool, bool, String)> = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)::text
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'org_id'",
    )
    .fetch_all(&it.db)
    .await
    .unwrap();
    let mut names: Vec<_> = tables.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_unstable();
    let mut walled = WALLED;
    walled.sort_unstable();
    assert_eq!(names, walled, "a new table with `org_id` needs its policy");
    for (name, enabled, forced, owner) in &tables {
        assert!(*enabled && *forced, "{name}");
        assert_eq!(owner, "trellis_project_owner", "{name}");
    }
    let powers: (bool, bool, bool) = sqlx::query_as(
        "SELECT rolsuper, rolbypassrls, pg_has_role(rolname, 'trellis_project_owner', 'MEMBER')
         FROM pg_roles WHERE rolname = 'trellis_project'",
    )
    .fetch_one(&it.db)
    .await
    .unwrap();
    assert_eq!(powers, (false, false, false), "superuser, past policies, the owner");
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn search_keeps_its_index() {
    let (it, _) = two_organizations().await;
    let log = log(&it, 2).await;
    let mut reader = log.reader(it.acme).await.unwrap();
    // The planner would rather read these few rows: whether it may use the index at all is asked.
    for setting in ["enable_seqscan", "enable_indexscan"] {
        sqlx::query(AssertSqlSafe(format!("SET LOCAL {setting} = off"))).execute(&mut *reader).await.unwrap();
    }
    let plan: Vec<String> = sqlx::query_scalar("EXPLAIN SELECT FROM tasks WHERE search @@ 'word'::tsquery")
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    assert!(plan.iter().any(|line| line.contains("tasks_search")), "{plan:#?}");
    drop(reader);
    it.end().await;
}

/// `acme` and `other` with a row in every table, alike in their names. Gives the other's id.
async fn two_organizations() -> (Harness, Uuid) {
    let it = Harness::start().await;
    for (org, person) in [("acme", it.ada.clone()), ("other", it.eve.clone())] {
        fill(&it, org, &person).await;
    }
    let sql = "SELECT org_id FROM tenants WHERE org_id <> $1";
    let other = sqlx::query_scalar(sql).bind(it.acme).fetch_one(&it.db).await.unwrap();
    (it, other)
}

async fn fill(it: &Harness, org: &str, person: &Person) {
    let org = || org.to_owned();
    for name in ["Web", "Gone"] {
        let project = CreateProjectRequest { org: org(), name: name.into(), ..Default::default() };
        it.client().create_project(person.ask(project)).await.unwrap();
    }
    for title in ["One", "Two"] {
        let task = CreateTaskRequest { org: org(), project: "web".into(), title: title.into(), ..Default::default() };
        it.client().create_task(person.ask(task)).await.unwrap();
    }
    let comment = CreateCommentRequest { org: org(), task_id: "WEB-1".into(), content: "Hello".into() };
    it.client().create_comment(person.ask(comment)).await.unwrap();
    let watch = WatchTaskRequest { org: org(), task_id: "WEB-1".into() };
    it.client().watch_task(person.ask(watch)).await.unwrap();
    let task = DeleteTaskRequest { org: org(), task_id: "WEB-2".into(), expected_version: None };
    it.client().delete_task(person.ask(task)).await.unwrap();
    let project = DeleteProjectRequest { org: org(), project: "gone".into(), expected_version: None };
    it.client().delete_project(person.ask(project)).await.unwrap();
}

/// As the service opens it.
async fn log(it: &Harness, connections: u32) -> Log {
    let url = SecretString::from(it.database.runtime_url.clone());
    Log::open(connect(&url, connections).await.unwrap(), "project", 1).await.unwrap()
}

async fn rows(conn: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(conn).await.unwrap()
}

async fn organizations(conn: &mut PgConnection, table: &str) -> Vec<Uuid> {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT DISTINCT org_id FROM {table}"))).fetch_all(conn).await.unwrap()
}

/// Everything that the organization has, as text.
async fn digest(it: &Harness, org: Uuid) -> Vec<String> {
    let mut conn: PoolConnection<Postgres> = it.db.acquire().await.unwrap();
    let mut all = Vec::new();
    for table in WALLED {
        let sql = AssertSqlSafe(format!("SELECT t::text FROM {table} t WHERE org_id = $1 ORDER BY 1"));
        let rows: Vec<String> = sqlx::query_scalar(sql).bind(org).fetch_all(&mut *conn).await.unwrap();
        assert!(!rows.is_empty(), "{table} proves nothing without a row");
        all.extend(rows);
    }
    all
}
