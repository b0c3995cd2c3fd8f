//! Members and their roles.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, postgres::PgConnection};
use uuid::Uuid;

use super::role;
use crate::domain::{Member, Role, Roll, Window};

/// In the order in which they joined.
#[tracing::instrument(name = "db.members.list", skip_all)]
pub async fn list(db: impl PgExecutor<'_>, org_id: Uuid, window: Window) -> Result<Vec<Member>, sqlx::Error> {
    macro_rules! read {
        ($beyond:tt, $order:tt) => {
            sqlx::query_as!(
                Row,
                "SELECT user_id, role, joined_at FROM members
                 WHERE org_id = $1 AND (joined_at, user_id) "
                    + $beyond
                    + " ($2, $3)
                 ORDER BY joined_at "
                    + $order
                    + ", user_id "
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
    rows.into_iter().map(Member::try_from).collect()
}

/// Members of an organization, and what it is called: of one moment.
pub struct Named {
    pub members: Vec<Uuid>,
    pub slug: String,
    pub name: String,
}

/// Which of these users are members; all members where none are given. `None`: there is no such organization.
#[tracing::instrument(name = "db.members.among", skip_all)]
pub async fn among(
    db: impl PgExecutor<'_>,
    org_id: Uuid,
    users: Option<&[Uuid]>,
) -> Result<Option<Named>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT o.slug, o.name, m.user_id AS "user_id?"
           FROM organizations o
           LEFT JOIN members m ON m.org_id = o.org_id AND ($2::uuid[] IS NULL OR m.user_id = ANY ($2))
           WHERE o.org_id = $1"#,
        org_id,
        users,
    )
    .fetch_all(db)
    .await?;
    let members = rows.iter().filter_map(|row| row.user_id).collect();
    Ok(rows.into_iter().next().map(|row| Named { members, slug: row.slug, name: row.name }))
}

/// A member, with what the rule of the last ADMIN asks. Behind the scope's lock it stays true.
#[tracing::instrument(name = "db.members.roll", skip_all)]
pub async fn roll(db: impl PgExecutor<'_>, org_id: Uuid, user: Uuid) -> Result<Option<Roll>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT user_id, role, joined_at,
                  (SELECT count(*) FROM members WHERE org_id = $1 AND role = 'ADMIN') AS "admins!"
           FROM members WHERE org_id = $1 AND user_id = $2"#,
        org_id,
        user
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let member = Member { user_id: row.user_id, role: role(&row.role)?, joined_at: row.joined_at };
        Ok(Roll { member, admins: row.admins })
    })
    .transpose()
}

/// A member's role, which stays as it is until the transaction ends.
#[tracing::instrument(name = "db.members.hold", skip_all)]
pub async fn hold(db: &mut PgConnection, org_id: Uuid, user: Uuid) -> Result<Option<Role>, sqlx::Error> {
    let held = sqlx::query_scalar!(
        "SELECT role FROM members WHERE org_id = $1 AND user_id = $2 FOR NO KEY UPDATE",
        org_id,
        user
    )
    .fetch_optional(db)
    .await?;
    held.as_deref().map(role).transpose()
}

/// A new member; `false` where the user is one already.
#[tracing::instrument(name = "db.members.insert", skip_all)]
pub async fn insert(db: &mut PgConnection, org_id: Uuid, user: Uuid, role: Role) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO members (org_id, user_id, role) VALUES ($1, $2, $3) ON CONFLICT (org_id, user_id) DO NOTHING",
        org_id,
        user,
        role.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[tracing::instrument(name = "db.members.set_role", skip_all)]
pub async fn set_role(db: &mut PgConnection, org_id: Uuid, user: Uuid, role: Role) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE members SET role = $3 WHERE org_id = $1 AND user_id = $2", org_id, user, role.as_str())
        .execute(db)
        .await?;
    Ok(())
}

#[tracing::instrument(name = "db.members.delete", skip_all)]
pub async fn delete(db: &mut PgConnection, org_id: Uuid, user: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM members WHERE org_id = $1 AND user_id = $2", org_id, user).execute(db).await?;
    Ok(())
}

struct Row {
    user_id: Uuid,
    role: String,
    joined_at: DateTime<Utc>,
}

impl TryFrom<Row> for Member {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self { user_id: row.user_id, role: role(&row.role)?, joined_at: row.joined_at })
    }
}
