//! What the databases say in the end.

use std::collections::BTreeMap;

use anyhow::Context as _;
use prost::Message as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use trellis_proto::project::v1::{ProjectEvent, project_event::Object};
use uuid::Uuid;

/// One entry of an event log.
#[derive(Debug, Clone)]
pub struct Event {
    pub seq: i64,
    pub id: Uuid,
    pub kind: String,
    pub actor: Option<Uuid>,
    pub subject: Option<Uuid>,
    pub object: Option<Object>,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub id: Uuid,
    /// The text that carries the mark.
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Notification {
    pub user: Uuid,
    pub event: Uuid,
    pub kind: String,
}

type Logged = (Uuid, i64, Uuid, String, Option<Uuid>, Option<Uuid>, Vec<u8>);

/// All of it, once nothing changes any more.
#[derive(Debug, Default)]
pub struct Truth {
    /// Of the project service's database, by scope, in order.
    pub events: BTreeMap<Uuid, Vec<Event>>,
    /// `last_seq` of each scope.
    pub scopes: BTreeMap<Uuid, i64>,
    /// The same of the other databases, whose events are of no interest.
    pub others: Vec<(String, Uuid, i64, Vec<i64>)>,
    /// By project: the number of the last task.
    pub projects: BTreeMap<Uuid, i64>,
    pub tasks: Vec<Row>,
    pub descriptions: BTreeMap<Uuid, String>,
    pub comments: Vec<Row>,
    /// Nothing where the system has none.
    pub notifications: Option<Vec<Notification>>,
    /// What waits to be published or digested still, by table.
    pub waiting: Vec<(String, i64)>,
}

/// `database` gives the superuser's URL of a service's database.
pub async fn read(database: impl Fn(&str) -> String) -> anyhow::Result<Truth> {
    let mut truth = Truth::default();
    let mut project = PgConnection::connect(&database("project")).await?;
    let sql = "SELECT scope, seq, id, kind, actor_id, subject_id, payload FROM event_log ORDER BY scope, seq";
    let logged: Vec<Logged> = sqlx::query_as(sql).fetch_all(&mut project).await?;
    for (scope, seq, id, kind, actor, subject, payload) in logged {
        let object = ProjectEvent::decode(payload.as_slice()).context("an event's payload")?.object;
        truth.events.entry(scope).or_default().push(Event { seq, id, kind, actor, subject, object });
    }
    truth.scopes = heads(&mut project).await?;
    let numbers: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT id, last_number FROM projects").fetch_all(&mut project).await?;
    truth.projects = numbers.into_iter().collect();
    let tasks: Vec<(Uuid, String, String)> =
        sqlx::query_as("SELECT id, title, description FROM tasks").fetch_all(&mut project).await?;
    for (id, text, description) in tasks {
        truth.tasks.push(Row { id, text });
        truth.descriptions.insert(id, description);
    }
    let comments: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, content FROM comments").fetch_all(&mut project).await?;
    truth.comments = comments.into_iter().map(|(id, text)| Row { id, text }).collect();
    if has(&mut project, "notifications").await? {
        let rows: Vec<(Uuid, Uuid, String)> =
            sqlx::query_as("SELECT user_id, event_id, kind FROM notifications").fetch_all(&mut project).await?;
        truth.notifications =
            Some(rows.into_iter().map(|(user, event, kind)| Notification { user, event, kind }).collect());
    }
    for service in ["identity", "org"] {
        let mut connection = PgConnection::connect(&database(service)).await?;
        let sql = "SELECT scope, array_agg(seq ORDER BY seq) FROM event_log GROUP BY scope";
        let logged: Vec<(Uuid, Vec<i64>)> = sqlx::query_as(sql).fetch_all(&mut connection).await?;
        let heads = heads(&mut connection).await?;
        let mut of = |(scope, seqs)| (service.to_owned(), scope, heads.get(&scope).copied().unwrap_or(0), seqs);
        truth.others.extend(logged.into_iter().map(&mut of));
    }
    truth.waiting = waiting(&database).await?;
    Ok(truth)
}

/// Where the scopes of the project service stand.
pub async fn positions(database: impl Fn(&str) -> String) -> anyhow::Result<BTreeMap<Uuid, i64>> {
    heads(&mut PgConnection::connect(&database("project")).await?).await
}

/// What waits in the databases' queues.
pub async fn waiting(database: impl Fn(&str) -> String) -> anyhow::Result<Vec<(String, i64)>> {
    let mut waiting = Vec::new();
    for service in ["identity", "org", "project"] {
        let mut connection = PgConnection::connect(&database(service)).await?;
        let rows = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&mut connection).await?;
        waiting.push((format!("{service}.outbox"), rows));
        for table in ["undigested", "republish"] {
            if has(&mut connection, table).await? {
                let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
                let rows = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
                waiting.push((format!("{service}.{table}"), rows));
            }
        }
    }
    waiting.retain(|(_, rows)| *rows > 0);
    Ok(waiting)
}

async fn heads(connection: &mut PgConnection) -> anyhow::Result<BTreeMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as("SELECT id, last_seq FROM scopes").fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}

async fn has(connection: &mut PgConnection, table: &str) -> anyhow::Result<bool> {
    Ok(sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(connection).await?)
}
