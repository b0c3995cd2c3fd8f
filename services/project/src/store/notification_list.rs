//! A user's notifications page by page, newest first, with the count of the unread and the place in the user's order
//! that both reflect, in one statement.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::notifications::Row as Whole;
use crate::domain::{Notification, SeqCursor, Window};

/// One user's, as of one moment.
pub struct Listed {
    pub rows: Vec<Notification>,
    pub unread: u64,
    /// The number of the user's last event.
    pub last_seq: i64,
}

/// The user, with one notification where there is any.
struct Row {
    last_seq: i64,
    unread: i64,
    id: Option<Uuid>,
    seq: Option<i64>,
    event_id: Option<Uuid>,
    kind: Option<String>,
    actor_id: Option<Uuid>,
    organization_id: Option<Uuid>,
    organization_slug: Option<String>,
    organization_name: Option<String>,
    task: Option<Uuid>,
    task_id: Option<String>,
    task_title: Option<String>,
    comment_id: Option<Uuid>,
    excerpt: Option<String>,
    role: Option<String>,
    created_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
}

impl Row {
    fn notification(self) -> Option<Whole> {
        Some(Whole {
            id: self.id?,
            seq: self.seq?,
            event_id: self.event_id?,
            kind: self.kind?,
            actor_id: self.actor_id,
            organization_id: self.organization_id?,
            organization_slug: self.organization_slug?,
            organization_name: self.organization_name?,
            task: self.task,
            task_id: self.task_id,
            task_title: self.task_title,
            comment_id: self.comment_id,
            excerpt: self.excerpt?,
            role: self.role,
            created_at: self.created_at?,
            read_at: self.read_at,
        })
    }
}

/// The statement for one direction. Who was never told anything has no scope, and one row all the same.
macro_rules! select {
    ($conn:ident, $user:ident, $unread:ident, $window:ident: $beyond:literal, $begin:literal, $order:literal) => {
        sqlx::query_as!(
            Row,
            r#"SELECT coalesce(s.last_seq, 0) AS "last_seq!",
                      (SELECT count(*) FROM notifications WHERE user_id = $1 AND read_at IS NULL) AS "unread!",
                      n.id AS "id?", n.seq AS "seq?", n.event_id AS "event_id?", n.kind AS "kind?", n.actor_id,
                      n.organization_id AS "organization_id?", n.organization_slug AS "organization_slug?",
                      n.organization_name AS "organization_name?", n.task, n.task_id, n.task_title, n.comment_id,
                      n.excerpt AS "excerpt?", n.role, n.created_at AS "created_at?", n.read_at
               FROM (SELECT $1::uuid AS id) whose
               LEFT JOIN scopes s ON s.id = whose.id
               LEFT JOIN LATERAL (
                   SELECT * FROM notifications
                   WHERE user_id = $1 AND (read_at IS NULL OR NOT $2::boolean) AND seq "#
                + $beyond
                + " coalesce($3, "
                + $begin
                + ") ORDER BY seq "
                + $order
                + r#" LIMIT $4
               ) n ON true
               ORDER BY n.seq "#
                + $order,
            $user,
            $unread,
            $window.from.as_ref().map(|place| place.seq),
            $window.rows(),
        )
        .fetch_all($conn)
        .await?
    };
}

/// Newest first; read in the direction of the window. There are never many: older ones go.
#[tracing::instrument(name = "db.notifications.list", skip_all)]
pub async fn of_user(
    conn: &mut PgConnection,
    user: Uuid,
    unread: bool,
    window: &Window<SeqCursor>,
) -> sqlx::Result<Listed> {
    let rows = if window.backward {
        select!(conn, user, unread, window: ">", "0::bigint", "ASC")
    } else {
        select!(conn, user, unread, window: "<", "9223372036854775807", "DESC")
    };
    let (last_seq, count) = rows.first().map_or((0, 0), |row| (row.last_seq, row.unread));
    let rows = rows.into_iter().filter_map(Row::notification).map(TryInto::try_into);
    Ok(Listed { rows: rows.collect::<sqlx::Result<_>>()?, unread: count.unsigned_abs(), last_seq })
}
