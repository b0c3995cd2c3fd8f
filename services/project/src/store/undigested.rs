//! Events that notifications are yet to be made from. Who inserts them is the statement of their change.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

/// A claimed event; what it says, where the log still has it.
#[derive(Debug, Clone)]
pub struct Undigested {
    pub id: i64,
    pub organization: Uuid,
    pub scope: Uuid,
    pub event: Option<Logged>,
}

/// An event as the log has it.
#[derive(Debug, Clone)]
pub struct Logged {
    pub id: Uuid,
    /// Its number in the order of its scope.
    pub seq: i64,
    pub kind: String,
    pub actor: Option<Uuid>,
    /// What it is about.
    pub subject: Option<Uuid>,
    pub payload: Vec<u8>,
}

/// What is not worth a row in the queue: nobody is mentioned without it.
pub fn may_mention(text: &str) -> bool {
    text.contains('@')
}

/// For how many seconds the first one waits already, where any does.
#[tracing::instrument(name = "db.undigested.oldest", skip_all)]
pub async fn oldest(conn: &mut PgConnection) -> sqlx::Result<Option<f64>> {
    let age = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM clock_timestamp() - queued_at)::float8 AS "age!"
           FROM undigested WHERE due_at <= clock_timestamp() ORDER BY id LIMIT 1"#
    );
    age.fetch_optional(conn).await
}

/// The first ones that nobody has claimed, until the transaction ends, however it ends.
#[tracing::instrument(name = "db.undigested.claim", skip_all)]
pub async fn claim(conn: &mut PgConnection, most: i64) -> sqlx::Result<Vec<Undigested>> {
    let rows = sqlx::query!(
        r#"WITH claimed AS MATERIALIZED (
               SELECT id, organization_id, scope, seq FROM undigested
               WHERE due_at <= clock_timestamp() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
           )
           SELECT c.id, c.organization_id, c.scope, c.seq, e.id AS "event_id?", e.kind AS "kind?", e.actor_id,
                  e.subject_id, e.payload AS "payload?"
           FROM claimed c LEFT JOIN event_log e ON e.scope = c.scope AND e.seq = c.seq
           ORDER BY c.id"#,
        most,
    )
    .fetch_all(conn)
    .await?;
    let claimed = rows.into_iter().map(|row| {
        let logged = || {
            Some(Logged {
                id: row.event_id?,
                seq: row.seq,
                kind: row.kind?,
                actor: row.actor_id,
                subject: row.subject_id,
                payload: row.payload?,
            })
        };
        Undigested { id: row.id, organization: row.organization_id, scope: row.scope, event: logged() }
    });
    Ok(claimed.collect())
}

/// Deletes those that are done, and puts the others off.
#[tracing::instrument(name = "db.undigested.settle", skip_all)]
pub async fn settle(conn: &mut PgConnection, done: &[i64], failed: &[i64], wait: Duration) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH failed AS (
             UPDATE undigested SET due_at = clock_timestamp() + make_interval(secs => $3) WHERE id = ANY ($2)
         )
         DELETE FROM undigested WHERE id = ANY ($1)",
        done,
        failed,
        wait.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
