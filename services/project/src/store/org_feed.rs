//! How far org's feed of changes was acted upon.

use sqlx::PgConnection;

/// A place in org's feed; an empty epoch before the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub epoch: String,
    pub head: i64,
    /// The last change that took memberships away; what came since took none.
    pub removed: i64,
}

/// Where the place must be for a write to be right. Who knew a membership and was stopped in between finds that the
/// feed has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub epoch: String,
    pub least: i64,
    pub most: i64,
    /// No memberships were taken away after this.
    pub removed: i64,
}

impl Fence {
    /// Nothing was acted upon since.
    pub fn at(place: &Place) -> Self {
        Self { epoch: place.epoch.clone(), least: place.head, most: place.head, removed: i64::MAX }
    }

    /// Who was a member still is: others may have come, or have got another role.
    pub fn members(place: &Place) -> Self {
        Self { epoch: place.epoch.clone(), least: place.head, most: i64::MAX, removed: place.removed }
    }

    /// This change was not acted upon yet, by another replica neither.
    pub fn before(epoch: &str, change: i64) -> Self {
        Self { epoch: epoch.to_owned(), least: 0, most: change - 1, removed: i64::MAX }
    }
}

#[tracing::instrument(name = "db.org_feed.place", skip_all)]
pub async fn place(conn: &mut PgConnection) -> sqlx::Result<Place> {
    sqlx::query_as!(Place, "SELECT epoch, head, removed FROM org_feed").fetch_one(conn).await
}

/// Whether the place is where it must be, at this moment.
#[tracing::instrument(name = "db.org_feed.holds", skip_all)]
pub async fn holds(conn: &mut PgConnection, fence: &Fence) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT epoch = $1 AND head BETWEEN $2 AND $3 AND removed <= $4 AS "holds!" FROM org_feed"#,
        fence.epoch,
        fence.least,
        fence.most,
        fence.removed,
    )
    .fetch_one(conn)
    .await
}

/// Moves on from `before`. False: another replica was faster, and its place stands.
#[tracing::instrument(name = "db.org_feed.advance", skip_all)]
pub async fn advance(conn: &mut PgConnection, before: &Place, after: &Place) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE org_feed SET epoch = $3, head = $4, removed = $5 WHERE epoch = $1 AND head = $2",
        before.epoch,
        before.head,
        after.epoch,
        after.head,
        after.removed,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
