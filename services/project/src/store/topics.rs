//! Topics: what a member can follow live. What exists goes before what was deleted under the same name, and the latest
//! of several deleted ones before the others.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::TaskId;

/// Where a topic's order stands.
pub struct Topic {
    pub scope: Uuid,
    pub last_seq: i64,
    pub low_water: i64,
    /// The task, where the topic is one.
    pub subject: Option<Uuid>,
    /// Only its events are there any more.
    pub deleted: bool,
}

#[tracing::instrument(name = "db.topics.project", skip_all)]
pub async fn project(conn: &mut PgConnection, org_id: Uuid, word: &str) -> sqlx::Result<Option<Topic>> {
    let row = sqlx::query!(
        r#"SELECT s.id, s.last_seq, s.low_water, found.deleted_at IS NOT NULL AS "deleted!"
           FROM (
               SELECT id, NULL::timestamptz AS deleted_at FROM projects
               WHERE org_id = $1 AND (slug = $2 OR key = $2)
               UNION ALL
               SELECT id, deleted_at FROM deleted_projects WHERE org_id = $1 AND (slug = $2 OR key = $2)
           ) found
           JOIN scopes s ON s.id = found.id
           ORDER BY found.deleted_at DESC NULLS FIRST LIMIT 1"#,
        org_id,
        word,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Topic {
        scope: row.id,
        last_seq: row.last_seq,
        low_water: row.low_water,
        subject: None,
        deleted: row.deleted,
    }))
}

#[tracing::instrument(name = "db.topics.task", skip_all)]
pub async fn task(conn: &mut PgConnection, org_id: Uuid, id: &TaskId) -> sqlx::Result<Option<Topic>> {
    let row = sqlx::query!(
        r#"SELECT s.id, s.last_seq, s.low_water, found.task AS "task!", found.deleted_at IS NOT NULL AS "deleted!"
           FROM (
               SELECT t.id AS task, t.project_id, NULL::timestamptz AS deleted_at
               FROM projects p JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id
               WHERE p.org_id = $1 AND p.key = $2 AND t.number = $3
               UNION ALL
               SELECT id, project_id, deleted_at FROM deleted_tasks
               WHERE org_id = $1 AND key = $2 AND number = $3
           ) found
           JOIN scopes s ON s.id = found.project_id
           ORDER BY found.deleted_at DESC NULLS FIRST LIMIT 1"#,
        org_id,
        id.key,
        id.number,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Topic {
        scope: row.id,
        last_seq: row.last_seq,
        low_water: row.low_water,
        subject: Some(row.task),
        deleted: row.deleted,
    }))
}

/// A user's own order, made where there is none yet: it can be followed before anything was told.
#[tracing::instrument(name = "db.topics.of_user", skip_all)]
pub async fn of_user(conn: &mut PgConnection, user: Uuid) -> sqlx::Result<Topic> {
    let find = async |conn: &mut PgConnection| {
        let row = sqlx::query!("SELECT last_seq, low_water FROM scopes WHERE id = $1", user).fetch_optional(conn);
        let topic = row.await?.map(|row| Topic {
            scope: user,
            last_seq: row.last_seq,
            low_water: row.low_water,
            subject: None,
            deleted: false,
        });
        Ok::<_, sqlx::Error>(topic)
    };
    if let Some(topic) = find(conn).await? {
        return Ok(topic);
    }
    sqlx::query!("INSERT INTO scopes (id) VALUES ($1) ON CONFLICT DO NOTHING", user).execute(&mut *conn).await?;
    find(conn).await?.ok_or(sqlx::Error::RowNotFound)
}
