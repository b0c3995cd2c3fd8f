//! Invitations. Open is one that is neither closed (used, revoked, replaced) nor expired.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, postgres::PgConnection};
use uuid::Uuid;

use super::{join_policy, role};
use crate::domain::{Invitation, Invited, LIFETIME, NewInvitation, Role, Target, Window};

/// Those that are open, oldest first.
#[tracing::instrument(name = "db.invitations.open", skip_all)]
pub async fn open(db: impl PgExecutor<'_>, org_id: Uuid, window: Window) -> Result<Vec<Invitation>, sqlx::Error> {
    macro_rules! read {
        ($beyond:tt, $order:tt) => {
            sqlx::query_as!(
                Row,
                "SELECT id, email, role, invited_by, created_at, expires_at FROM invitations
                 WHERE org_id = $1 AND closed_at IS NULL AND expires_at > now()
                   AND (created_at, id) "
                    + $beyond
                    + " ($2, $3)
                 ORDER BY created_at "
                    + $order
                    + ", id "
                    + $order
                    + " LIMIT $4",
                org_id,
                window.from.at,
                window.from.id,
                window.rows()
            )
            .fetch_all(db)
            .await?
        };
    }
    let rows = if window.backward { read!("<", "DESC") } else { read!(">", "ASC") };
    rows.into_iter().map(Invitation::try_from).collect()
}

/// Keeps an organization, whose invitations are to be changed, from being deleted until the transaction ends; `false` where it is gone.
#[tracing::instrument(name = "db.invitations.hold", skip_all)]
pub async fn hold(db: &mut PgConnection, org_id: Uuid) -> Result<bool, sqlx::Error> {
    let held = sqlx::query_scalar!("SELECT org_id FROM organizations WHERE org_id = $1 FOR KEY SHARE", org_id);
    Ok(held.fetch_optional(db).await?.is_some())
}

/// A new one; `None` where one is open for that e-mail already. An expired one makes way.
#[tracing::instrument(name = "db.invitations.insert", skip_all)]
pub async fn insert(
    db: &mut PgConnection,
    org_id: Uuid,
    new: &NewInvitation,
) -> Result<Option<Invitation>, sqlx::Error> {
    sqlx::query!(
        "UPDATE invitations SET closed_at = expires_at
         WHERE org_id = $1 AND fold(email) = fold($2) AND closed_at IS NULL AND expires_at <= now()",
        org_id,
        new.email.as_str()
    )
    .execute(&mut *db)
    .await?;
    sqlx::query_as!(
        Row,
        "INSERT INTO invitations (org_id, id, email, role, invited_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
         ON CONFLICT (org_id, fold(email)) WHERE closed_at IS NULL DO NOTHING
         RETURNING id, email, role, invited_by, created_at, expires_at",
        org_id,
        new.id,
        new.email.as_str(),
        new.role.as_str(),
        new.invited_by,
        LIFETIME.as_seconds_f64()
    )
    .fetch_optional(db)
    .await?
    .map(Invitation::try_from)
    .transpose()
}

/// Closes an open one; gives its e-mail, or `None` where there is none.
#[tracing::instrument(name = "db.invitations.revoke", skip_all)]
pub async fn revoke(db: &mut PgConnection, org_id: Uuid, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE invitations SET closed_at = now()
         WHERE org_id = $1 AND id = $2 AND closed_at IS NULL AND expires_at > now()
         RETURNING email",
        org_id,
        id
    )
    .fetch_optional(db)
    .await
}

/// Closes the open ones that this user made, or that are for this e-mail; gives their e-mails.
#[tracing::instrument(name = "db.invitations.revoke_of", skip_all)]
pub async fn revoke_of(
    db: &mut PgConnection,
    org_id: Uuid,
    user: Uuid,
    email: Option<&str>,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE invitations SET closed_at = now()
         WHERE org_id = $1 AND (invited_by = $2 OR fold(email) = fold($3)) AND closed_at IS NULL AND expires_at > now()
         RETURNING email",
        org_id,
        user,
        email
    )
    .fetch_all(db)
    .await
}

/// Whether it is worth while to try to accept it: it is open and for this e-mail, or this user has used it already.
#[tracing::instrument(name = "db.invitations.may_fit", skip_all)]
pub async fn may_fit(db: impl PgExecutor<'_>, id: Uuid, email: &str, user: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM invitations
                          WHERE id = $1 AND fold(email) = fold($2)
                            AND (accepted_by = $3 OR closed_at IS NULL AND expires_at > now())) AS "fits!""#,
        id,
        email,
        user
    )
    .fetch_one(db)
    .await
}

/// Where an accepted invitation leads, as what, whom it was for, and who made it.
pub struct Accepted {
    pub org_id: Uuid,
    pub role: Role,
    pub email: String,
    pub invited_by: Uuid,
}

/// Uses an open one that is for this e-mail. `None` where it does not fit, for whichever reason.
#[tracing::instrument(name = "db.invitations.accept", skip_all)]
pub async fn accept(db: &mut PgConnection, id: Uuid, email: &str, user: Uuid) -> Result<Option<Accepted>, sqlx::Error> {
    let row = sqlx::query!(
        "UPDATE invitations SET closed_at = now(), accepted_by = $3
         WHERE id = $1 AND fold(email) = fold($2) AND closed_at IS NULL AND expires_at > now()
         RETURNING org_id, role, email, invited_by",
        id,
        email,
        user
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Accepted { org_id: row.org_id, role: role(&row.role)?, email: row.email, invited_by: row.invited_by })
    })
    .transpose()
}

/// The organization that a registration names, by its slug or else by the invitation, used or not, with all that is
/// needed to decide.
#[tracing::instrument(name = "db.invitations.target", skip_all)]
pub async fn target(
    db: impl PgExecutor<'_>,
    slug: Option<&str>,
    invitation: Option<Uuid>,
    email: &str,
    user: Uuid,
) -> Result<Option<Target>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT o.org_id, o.join_policy,
                  EXISTS (SELECT FROM members WHERE members.org_id = o.org_id) AS "has_members!",
                  m.role AS "role?", i.id AS "invitation?", i.role AS "invited_role?"
           FROM organizations o
           LEFT JOIN members m ON m.org_id = o.org_id AND m.user_id = $4
           LEFT JOIN invitations i ON i.org_id = o.org_id AND i.id = $2 AND fold(i.email) = fold($3)
                                  AND i.closed_at IS NULL AND i.expires_at > now()
           WHERE o.org_id = CASE WHEN $1::text IS NOT NULL
                                 THEN (SELECT org_id FROM organizations WHERE slug = $1)
                                 ELSE (SELECT org_id FROM invitations WHERE id = $2) END"#,
        slug,
        invitation,
        email,
        user
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let invited = match (row.invitation, row.invited_role) {
            (Some(id), Some(as_what)) => Some(Invited { id, role: role(&as_what)? }),
            _ => None,
        };
        Ok(Target {
            org_id: row.org_id,
            join_policy: join_policy(&row.join_policy)?,
            has_members: row.has_members,
            role: row.role.as_deref().map(role).transpose()?,
            invited,
        })
    })
    .transpose()
}

struct Row {
    id: Uuid,
    email: String,
    role: String,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl TryFrom<Row> for Invitation {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            role: role(&row.role)?,
            email: row.email,
            invited_by: row.invited_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}
