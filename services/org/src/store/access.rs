//! May a user work in an organization? Each question is one statement, so that an absent organization and one that the
//! user is not a member of cannot be told apart, by their times neither.

use sqlx::PgExecutor;
use trellis_proto::subject;
use uuid::Uuid;

use super::role;
use crate::domain::Role;

/// A yes.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    pub org_id: Uuid,
    pub role: Role,
}

/// By the slug of a path, which is matched as it is.
#[tracing::instrument(name = "db.access.by_slug", skip_all)]
pub async fn by_slug(db: impl PgExecutor<'_>, slug: &str, user: Uuid) -> Result<Option<Access>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT m.org_id, m.role
         FROM organizations o JOIN members m ON m.org_id = o.org_id AND m.user_id = $2
         WHERE o.slug = $1",
        slug,
        user
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok(Access { org_id: row.org_id, role: role(&row.role)? })).transpose()
}

/// By the slug, with the number of the membership log that the answer reflects: both of one snapshot.
#[tracing::instrument(name = "db.access.numbered", skip_all)]
pub async fn numbered(db: impl PgExecutor<'_>, slug: &str, user: Uuid) -> Result<Option<(Access, i64)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT m.org_id, m.role, s.last_seq
         FROM organizations o
         JOIN members m ON m.org_id = o.org_id AND m.user_id = $2
         CROSS JOIN scopes s
         WHERE o.slug = $1 AND s.id = $3",
        slug,
        user,
        subject::MEMBERSHIPS
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((Access { org_id: row.org_id, role: role(&row.role)? }, row.last_seq))).transpose()
}

/// By the organization's id: the role, where the user is a member.
#[tracing::instrument(name = "db.access.by_id", skip_all)]
pub async fn by_id(db: impl PgExecutor<'_>, org_id: Uuid, user: Uuid) -> Result<Option<Role>, sqlx::Error> {
    let found = sqlx::query_scalar!("SELECT role FROM members WHERE org_id = $1 AND user_id = $2", org_id, user)
        .fetch_optional(db)
        .await?;
    found.as_deref().map(role).transpose()
}

/// Whether a user is a member of any organization.
#[tracing::instrument(name = "db.access.anywhere", skip_all)]
pub async fn anywhere(db: impl PgExecutor<'_>, user: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM members WHERE user_id = $1) AS "member!""#, user)
        .fetch_one(db)
        .await
}
