//! Who changed what. Creations note theirs in their own statement.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::{PgConnection, types::Json};
use trellis_eventlog::Reader;
use uuid::Uuid;

use super::{
    bounded::{self, Of, Parent, ReadError, Room},
    tasks::Which,
};
use crate::domain::{Activity, Change, Kind, SeqCursor, Window};

/// What an entry is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub org_id: Uuid,
    pub project: Uuid,
    pub task: Option<Uuid>,
    pub comment: Option<Uuid>,
}

/// A task, with one entry of its history where it has any.
struct Row {
    task: Uuid,
    project_id: Uuid,
    last_seq: i64,
    id: Option<Uuid>,
    seq: Option<i64>,
    kind: Option<String>,
    actor_id: Option<Uuid>,
    comment_id: Option<Uuid>,
    changes: Option<Json<Vec<Change>>>,
    occurred_at: Option<DateTime<Utc>>,
}

impl Row {
    fn take_apart(self) -> (Parent, Option<Activity>) {
        let parent = Parent { id: self.task, scope: self.project_id, last_seq: self.last_seq };
        let activity = || {
            Some(Activity {
                id: self.id?,
                seq: self.seq?,
                kind: self.kind?,
                actor_id: self.actor_id?,
                comment_id: self.comment_id,
                changes: self.changes?.0,
                occurred_at: self.occurred_at?,
            })
        };
        (parent, activity())
    }
}

#[tracing::instrument(name = "db.activity.add", skip_all)]
pub async fn add(
    conn: &mut PgConnection,
    about: About,
    seq: i64,
    kind: Kind,
    actor: Uuid,
    changes: &[Change],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO activity (org_id, id, project_id, seq, task_id, comment_id, kind, actor_id, changes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        about.org_id,
        Uuid::now_v7(),
        about.project,
        seq,
        about.task,
        about.comment,
        kind.as_str(),
        actor,
        Json(changes) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The statement for one direction, as that of comments is.
macro_rules! select {
    ($conn:ident, $org_id:ident, $tasks:ident, $window:ident: $beyond:literal, $begin:literal, $order:literal) => {
        sqlx::query_as!(
            Row,
            r#"WITH t AS MATERIALIZED (
                   SELECT id, project_id FROM tasks WHERE org_id = $1 AND id = ANY ($2::uuid[])
                   UNION ALL
                   SELECT t.id, t.project_id
                   FROM projects p JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
                   WHERE p.org_id = $1 AND p.key = $3 AND t.number = $4
               )
               SELECT t.id AS "task!", p.id AS project_id, s.last_seq, a.id AS "id?", a.seq AS "seq?", a.kind AS "kind?",
                      a.actor_id AS "actor_id?", a.comment_id, a.changes AS "changes?: Json<Vec<Change>>",
                      a.occurred_at AS "occurred_at?"
               FROM t
               JOIN projects p ON p.org_id = $1 AND p.id = t.project_id
               JOIN scopes s ON s.id = p.id
               LEFT JOIN LATERAL (
                   SELECT id, seq, kind, actor_id, comment_id, changes, occurred_at FROM activity
                   WHERE org_id = $1 AND task_id = t.id AND seq "#
                + $beyond
                + " coalesce($5, "
                + $begin
                + ") ORDER BY seq "
                + $order
                + r#" LIMIT $6
               ) a ON true
               ORDER BY t.id, a.seq "#
                + $order,
            $org_id,
            $tasks.ids(),
            $tasks.key(),
            $tasks.number(),
            $window.from.as_ref().map(|place| place.seq),
            $window.rows(),
        )
        .fetch(&mut **$conn)
    };
}

/// A page of each task's history, newest first; read in the direction of the window. Tasks that are not there have no
/// list.
#[tracing::instrument(name = "db.activity.list", skip_all)]
pub async fn of_tasks(
    conn: &mut Reader,
    org_id: Uuid,
    tasks: Which<'_>,
    window: &Window<SeqCursor>,
) -> Result<Vec<Of<Activity>>, ReadError> {
    let rows = if window.backward {
        select!(conn, org_id, tasks, window: ">", "0::bigint", "ASC")
    } else {
        select!(conn, org_id, tasks, window: "<", "9223372036854775807", "DESC")
    };
    let read = bounded::lists(rows.map_ok(Row::take_apart), Room::of_list(window)).await;
    bounded::end(conn, read)
}
