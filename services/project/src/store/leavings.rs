//! Closed organizations whose rows are yet to be removed.

use sqlx::PgConnection;
use uuid::Uuid;

#[tracing::instrument(name = "db.leavings.note", skip_all)]
pub async fn note(conn: &mut PgConnection, organization: Uuid) -> sqlx::Result<()> {
    sqlx::query!("INSERT INTO leavings (organization_id) VALUES ($1) ON CONFLICT DO NOTHING", organization)
        .execute(conn)
        .await?;
    Ok(())
}

#[tracing::instrument(name = "db.leavings.closed", skip_all)]
pub async fn closed(conn: &mut PgConnection) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT organization_id FROM leavings").fetch_all(conn).await
}

/// Until the transaction ends nobody else removes its rows. False: somebody does, or it is done.
#[tracing::instrument(name = "db.leavings.claim", skip_all)]
pub async fn claim(conn: &mut PgConnection, organization: Uuid) -> sqlx::Result<bool> {
    let claimed = sqlx::query_scalar!(
        "SELECT organization_id FROM leavings WHERE organization_id = $1 FOR UPDATE SKIP LOCKED",
        organization
    );
    Ok(claimed.fetch_optional(conn).await?.is_some())
}

#[tracing::instrument(name = "db.leavings.done", skip_all)]
pub async fn done(conn: &mut PgConnection, organization: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM leavings WHERE organization_id = $1", organization).execute(conn).await?;
    Ok(())
}
