//! Organizations as this service knows them: a lock for choosing names in them, and whether they are gone.

use sqlx::PgConnection;
use uuid::Uuid;

/// Locks the organization's row until the transaction ends, making it where there is none. False: the organization
/// is deleted.
#[tracing::instrument(name = "db.tenants.lock", skip_all)]
pub async fn lock(conn: &mut PgConnection, org_id: Uuid) -> sqlx::Result<bool> {
    // The update that changes nothing is what locks a row that is already there.
    let deleted = sqlx::query_scalar!(
        r#"INSERT INTO tenants (org_id) VALUES ($1)
           ON CONFLICT (org_id) DO UPDATE SET org_id = EXCLUDED.org_id
           RETURNING deleted_at IS NOT NULL AS "deleted!""#,
        org_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(!deleted)
}

/// Marks the organization as deleted: from now on nobody makes a project in it.
#[tracing::instrument(name = "db.tenants.close", skip_all)]
pub async fn close(conn: &mut PgConnection, org_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO tenants (org_id, deleted_at) VALUES ($1, now())
         ON CONFLICT (org_id) DO UPDATE SET deleted_at = now()",
        org_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A project of the organization, if any is left.
#[tracing::instrument(name = "db.tenants.any_project", skip_all)]
pub async fn any_project(conn: &mut PgConnection, org_id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM projects WHERE org_id = $1 LIMIT 1", org_id).fetch_optional(conn).await
}

/// Takes the lock of a project of a deleted organization: the scope's, first as in every write, so that what was
/// under way when the organization went is over.
#[tracing::instrument(name = "db.tenants.lock_project", skip_all)]
pub async fn lock_project(conn: &mut PgConnection, project: Uuid) -> sqlx::Result<()> {
    sqlx::query!("SELECT id FROM scopes WHERE id = $1 FOR UPDATE", project).fetch_optional(conn).await?;
    Ok(())
}
