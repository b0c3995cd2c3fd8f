//! Comments of tasks, a page of each, in one statement.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use trellis_eventlog::Reader;
use uuid::Uuid;

use super::{
    bounded::{self, Of, Parent, ReadError, Room},
    tasks::Which,
};
use crate::domain::{Comment, CreatedCursor, TaskId, Window};

/// A task, with one of its comments where it has any.
struct Row {
    task: Uuid,
    key: String,
    number: i64,
    project_id: Uuid,
    last_seq: i64,
    id: Option<Uuid>,
    content: Option<String>,
    author_id: Option<Uuid>,
    created_at: Option<DateTime<Utc>>,
    edited_at: Option<DateTime<Utc>>,
}

impl Row {
    fn take_apart(self) -> (Parent, Option<Comment>) {
        let parent = Parent { id: self.task, scope: self.project_id, last_seq: self.last_seq };
        let task_id = TaskId { key: self.key, number: self.number };
        let comment = || {
            Some(Comment {
                id: self.id?,
                project_id: self.project_id,
                task: self.task,
                task_id,
                content: self.content?,
                author_id: self.author_id?,
                created_at: self.created_at?,
                edited_at: self.edited_at,
            })
        };
        (parent, comment())
    }
}

/// The statement for one direction. The outer join gives a task without comments one row, so that its position is
/// there. The tasks are found first, by name or by id, apart from the rest: how many of an organization's tasks are in
/// one project is what the planner guesses badly.
macro_rules! select {
    ($conn:ident, $org_id:ident, $tasks:ident, $window:ident: $beyond:literal, $begin:literal, $order:literal) => {
        sqlx::query_as!(
            Row,
            r#"WITH t AS MATERIALIZED (
                   SELECT id, project_id, number FROM tasks WHERE org_id = $1 AND id = ANY ($2::uuid[])
                   UNION ALL
                   SELECT t.id, t.project_id, t.number
                   FROM projects p JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
                   WHERE p.org_id = $1 AND p.key = $3 AND t.number = $4
               )
               SELECT t.id AS "task!", p.key, t.number AS "number!", p.id AS project_id, s.last_seq, c.id AS "id?",
                      c.content AS "content?", c.author_id AS "author_id?", c.created_at AS "created_at?", c.edited_at
               FROM t
               JOIN projects p ON p.org_id = $1 AND p.id = t.project_id
               JOIN scopes s ON s.id = p.id
               LEFT JOIN LATERAL (
                   SELECT id, content, author_id, created_at, edited_at FROM comments
                   WHERE org_id = $1 AND task_id = t.id AND (created_at, id) "#
                + $beyond
                + " (coalesce($5, '"
                + $begin
                + "'::timestamptz), $6) ORDER BY created_at "
                + $order
                + ", id "
                + $order
                + r#" LIMIT $7
               ) c ON true
               ORDER BY t.id, c.created_at "#
                + $order
                + ", c.id "
                + $order,
            $org_id,
            $tasks.ids(),
            $tasks.key(),
            $tasks.number(),
            $window.from.as_ref().map(CreatedCursor::created_at),
            // No row has an infinite time: no id is compared.
            $window.from.as_ref().map_or(Uuid::nil(), |place| place.id),
            $window.rows(),
        )
        .fetch(&mut **$conn)
    };
}

/// Oldest first; read in the direction of the window. Tasks that are not there have no list.
#[tracing::instrument(name = "db.comments.list", skip_all)]
pub async fn of_tasks(
    conn: &mut Reader,
    org_id: Uuid,
    tasks: Which<'_>,
    window: &Window<CreatedCursor>,
) -> Result<Vec<Of<Comment>>, ReadError> {
    let rows = if window.backward {
        select!(conn, org_id, tasks, window: "<", "infinity", "DESC")
    } else {
        select!(conn, org_id, tasks, window: ">", "-infinity", "ASC")
    };
    let read = bounded::lists(rows.map_ok(Row::take_apart), Room::of_list(window)).await;
    bounded::end(conn, read)
}
