//! Notifications, by their user. What is written is written under the lock of the user's scope, but for the sweeping of
//! old ones. Lists are in `notification_list`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::org_feed::Fence;
use crate::domain::{News, Notification, OrganizationRef, Reason, TaskRef};

/// The most that are kept of one user, and for how long.
pub const MOST: i64 = 1000;
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Rows of one round of sweeping.
const BATCH: i64 = 1000;

pub(super) struct Row {
    pub id: Uuid,
    pub seq: i64,
    pub event_id: Uuid,
    pub kind: String,
    pub actor_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub organization_slug: String,
    pub organization_name: String,
    pub task: Option<Uuid>,
    pub task_id: Option<String>,
    pub task_title: Option<String>,
    pub comment_id: Option<Uuid>,
    pub excerpt: String,
    pub role: Option<String>,
    pub created_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Notification {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let task = match (row.task, row.task_id, row.task_title) {
            (Some(id), Some(task_id), Some(title)) => Some(TaskRef { id, task_id, title }),
            _ => None,
        };
        let news = News {
            event_id: row.event_id,
            actor: row.actor_id,
            organization: OrganizationRef {
                id: row.organization_id,
                slug: row.organization_slug,
                name: row.organization_name,
            },
            task,
            comment: row.comment_id,
            excerpt: row.excerpt,
            role: row.role,
        };
        // The table's CHECK allows only these.
        let reason = Reason::named(&row.kind).ok_or_else(|| sqlx::Error::Decode("no kind of notification".into()))?;
        Ok(Self { id: row.id, seq: row.seq, reason, news, created_at: row.created_at, read_at: row.read_at })
    }
}

/// What became of a notification that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    New(DateTime<Utc>),
    /// Its event, or its comment, was told to this user already.
    Known,
    /// The fence does not hold any more.
    Moved,
}

/// Inserts it, where the fence holds and the user was not told already.
#[tracing::instrument(name = "db.notifications.insert", skip_all)]
pub async fn insert(
    conn: &mut PgConnection,
    user: Uuid,
    (id, seq): (Uuid, i64),
    reason: Reason,
    news: &News,
    fence: &Fence,
) -> sqlx::Result<Made> {
    let made = sqlx::query!(
        r#"WITH place AS (SELECT epoch = $1 AND head BETWEEN $2 AND $3 AND removed <= $19 AS holds FROM org_feed), made AS (
               INSERT INTO notifications (user_id, id, seq, event_id, kind, actor_id, organization_id,
                                          organization_slug, organization_name, task, task_id, task_title, comment_id,
                                          excerpt, role)
               SELECT $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM place WHERE holds
               ON CONFLICT DO NOTHING
               RETURNING created_at
           )
           SELECT place.holds AS "holds!", made.created_at AS "created_at?" FROM place LEFT JOIN made ON true"#,
        fence.epoch,
        fence.least,
        fence.most,
        user,
        id,
        seq,
        news.event_id,
        reason.as_str(),
        news.actor,
        news.organization.id,
        news.organization.slug,
        news.organization.name,
        news.task.as_ref().map(|task| task.id),
        news.task.as_ref().map(|task| &*task.task_id),
        news.task.as_ref().map(|task| &*task.title),
        news.comment,
        news.excerpt,
        news.role,
        fence.removed,
    )
    .fetch_one(conn)
    .await?;
    Ok(match made.created_at {
        Some(at) => Made::New(at),
        None if made.holds => Made::Known,
        None => Made::Moved,
    })
}

#[tracing::instrument(name = "db.notifications.find", skip_all)]
pub async fn find(conn: &mut PgConnection, user: Uuid, id: Uuid) -> sqlx::Result<Option<Notification>> {
    sqlx::query_as!(
        Row,
        "SELECT id, seq, event_id, kind, actor_id, organization_id, organization_slug, organization_name, task, task_id,
                task_title, comment_id, excerpt, role, created_at, read_at
         FROM notifications WHERE user_id = $1 AND id = $2",
        user,
        id,
    )
    .fetch_optional(conn)
    .await?
    .map(TryInto::try_into)
    .transpose()
}

/// Marks it as read, and gives when; `None` where it is gone.
#[tracing::instrument(name = "db.notifications.read", skip_all)]
pub async fn read(conn: &mut PgConnection, user: Uuid, id: Uuid) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "UPDATE notifications SET read_at = clock_timestamp() WHERE user_id = $1 AND id = $2 RETURNING read_at",
        user,
        id,
    )
    .fetch_optional(conn)
    .await
    .map(Option::flatten)
}

/// Marks all as read. Gives how many were unread, and the moment.
#[tracing::instrument(name = "db.notifications.read_all", skip_all)]
pub async fn read_all(conn: &mut PgConnection, user: Uuid) -> sqlx::Result<(u64, DateTime<Utc>)> {
    let read = sqlx::query!(
        r#"WITH read AS (
               UPDATE notifications SET read_at = moment.at FROM (SELECT clock_timestamp() AS at) moment
               WHERE user_id = $1 AND read_at IS NULL RETURNING read_at
           )
           SELECT count(*) AS "count!", coalesce(max(read_at), clock_timestamp()) AS "at!" FROM read"#,
        user,
    )
    .fetch_one(conn)
    .await?;
    Ok((read.count.unsigned_abs(), read.at))
}

/// Deletes those of a user that are about an organization. Gives how many there were.
#[tracing::instrument(name = "db.notifications.forget", skip_all)]
pub async fn forget(conn: &mut PgConnection, user: Uuid, organization: Uuid) -> sqlx::Result<u64> {
    let gone =
        sqlx::query!("DELETE FROM notifications WHERE user_id = $1 AND organization_id = $2", user, organization);
    Ok(gone.execute(conn).await?.rows_affected())
}

/// Deletes what a user has beyond the newest.
#[tracing::instrument(name = "db.notifications.trim", skip_all)]
pub async fn trim(conn: &mut PgConnection, user: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM notifications WHERE user_id = $1 AND seq <= (
             SELECT seq FROM notifications WHERE user_id = $1 ORDER BY seq DESC OFFSET $2 LIMIT 1
         )",
        user,
        MOST,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a batch of what is too old, of anybody. True: there may be more.
#[tracing::instrument(name = "db.notifications.sweep", skip_all)]
pub async fn sweep(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let gone = sqlx::query!(
        "DELETE FROM notifications WHERE (user_id, id) IN (
             SELECT user_id, id FROM notifications
             WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT $2
         )",
        KEPT.as_secs_f64(),
        BATCH,
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected() == BATCH.unsigned_abs())
}

/// Who was told of an event.
#[tracing::instrument(name = "db.notifications.told", skip_all)]
pub async fn told(conn: &mut PgConnection, event_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT user_id FROM notifications WHERE event_id = $1", event_id).fetch_all(conn).await
}

/// Who has any that are about an organization, or had some whose events still say what they said.
#[tracing::instrument(name = "db.notifications.users", skip_all)]
pub async fn users(conn: &mut PgConnection, organization: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id!" FROM notifications WHERE organization_id = $1
           UNION
           SELECT scope FROM event_log WHERE subject_id = $1 AND kind = 'notification.created' AND payload <> ''"#,
        organization,
    )
    .fetch_all(conn)
    .await
}

/// Which organizations there are any about.
#[tracing::instrument(name = "db.notifications.organizations", skip_all)]
pub async fn organizations(conn: &mut PgConnection) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT DISTINCT organization_id FROM notifications").fetch_all(conn).await
}
