//! What users want to be told; without a row everything.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Preferences;

/// What is to be changed; the rest stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edit {
    pub assigned: Option<bool>,
    pub mentioned: Option<bool>,
    pub commented: Option<bool>,
    pub added: Option<bool>,
    pub role_changed: Option<bool>,
}

/// Of these users, those who ever chose.
#[tracing::instrument(name = "db.preferences.of", skip_all)]
pub async fn of(conn: &mut PgConnection, users: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Preferences>> {
    let rows = sqlx::query!(
        "SELECT user_id, assigned, mentioned, commented, added, role_changed
         FROM notification_preferences WHERE user_id = ANY ($1)",
        users,
    )
    .fetch_all(conn)
    .await?;
    let preferences = rows.into_iter().map(|row| {
        let preferences = Preferences {
            assigned: row.assigned,
            mentioned: row.mentioned,
            commented: row.commented,
            added: row.added,
            role_changed: row.role_changed,
        };
        (row.user_id, preferences)
    });
    Ok(preferences.collect())
}

/// Writes what is sent; gives all.
#[tracing::instrument(name = "db.preferences.update", skip_all)]
pub async fn update(conn: &mut PgConnection, user: Uuid, edit: Edit) -> sqlx::Result<Preferences> {
    sqlx::query_as!(
        Preferences,
        "INSERT INTO notification_preferences AS p (user_id, assigned, mentioned, commented, added, role_changed)
         VALUES ($1, coalesce($2, true), coalesce($3, true), coalesce($4, true), coalesce($5, true), coalesce($6, true))
         ON CONFLICT (user_id) DO UPDATE
         SET assigned = coalesce($2, p.assigned), mentioned = coalesce($3, p.mentioned),
             commented = coalesce($4, p.commented), added = coalesce($5, p.added),
             role_changed = coalesce($6, p.role_changed)
         RETURNING assigned, mentioned, commented, added, role_changed",
        user,
        edit.assigned,
        edit.mentioned,
        edit.commented,
        edit.added,
        edit.role_changed,
    )
    .fetch_one(conn)
    .await
}
