//! How far org's feed of changes was acted upon.

use sqlx::PgConnection;

/// A place in org's feed; an empty epoch before the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub epoch: String,
    pub head: i64,
}

#[tracing::instrument(name = "db.org_feed.place", skip_all)]
pub async fn place(conn: &mut PgConnection) -> sqlx::Result<Place> {
    sqlx::query_as!(Place, "SELECT epoch, head FROM org_feed").fetch_one(conn).await
}

/// Moves on from `before`; where another replica was faster, its place stands.
#[tracing::instrument(name = "db.org_feed.advance", skip_all)]
pub async fn advance(conn: &mut PgConnection, before: &Place, after: &Place) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE org_feed SET epoch = $3, head = $4 WHERE epoch = $1 AND head = $2",
        before.epoch,
        before.head,
        after.epoch,
        after.head,
    )
    .execute(conn)
    .await?;
    Ok(())
}
