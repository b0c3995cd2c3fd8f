//! Organizations one by one: read, made, changed, deleted. Lists of them: `directory`.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, postgres::PgConnection};
use uuid::Uuid;

use super::{join_policy, role};
use crate::domain::{Edit, Email, JoinPolicy, Name, NewOrganization, Organization, Role, Slug, UNCLAIMED, Unique};

/// Why an organization could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Conflict {
    #[error("the {} is taken", .0.word())]
    Taken(Unique),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Conflict {
    fn from(error: sqlx::Error) -> Self {
        let constraint = error.as_database_error().and_then(|error| error.constraint());
        match constraint {
            Some("organizations_slug") => Self::Taken(Unique::Slug),
            Some("organizations_name") => Self::Taken(Unique::Name),
            Some("organizations_contact_email") => Self::Taken(Unique::ContactEmail),
            _ => Self::Database(error),
        }
    }
}

/// As one user sees it; `None` where not a member or not there.
#[tracing::instrument(name = "db.organizations.of_member", skip_all)]
pub async fn of_member(db: impl PgExecutor<'_>, slug: &str, user: Uuid) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT o.org_id, o.name, o.slug, o.contact_email, o.join_policy, o.version, o.created_at, m.role AS "role?"
           FROM organizations o JOIN members m ON m.org_id = o.org_id AND m.user_id = $2
           WHERE o.slug = $1"#,
        slug,
        user
    )
    .fetch_optional(db)
    .await?
    .map(Organization::try_from)
    .transpose()
}

/// The same by its id.
#[tracing::instrument(name = "db.organizations.of_member_by_id", skip_all)]
pub async fn of_member_by_id(
    db: impl PgExecutor<'_>,
    org_id: Uuid,
    user: Uuid,
) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT o.org_id, o.name, o.slug, o.contact_email, o.join_policy, o.version, o.created_at, m.role AS "role?"
           FROM organizations o JOIN members m ON m.org_id = o.org_id AND m.user_id = $2
           WHERE o.org_id = $1"#,
        org_id,
        user
    )
    .fetch_optional(db)
    .await?
    .map(Organization::try_from)
    .transpose()
}

/// Which of these values other organizations than `except` have, in the order in which people are told. Behind the
/// scope's lock the answer stays true until the transaction ends.
#[tracing::instrument(name = "db.organizations.taken", skip_all)]
pub async fn taken(
    db: &mut PgConnection,
    slug: Option<&str>,
    name: Option<&str>,
    contact_email: Option<&str>,
    except: Uuid,
) -> Result<Vec<Unique>, sqlx::Error> {
    let taken = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM organizations WHERE slug = $1 AND org_id <> $4) AS "slug!",
                  EXISTS (SELECT FROM organizations WHERE fold(name) = fold($2) AND org_id <> $4) AS "name!",
                  EXISTS (SELECT FROM organizations
                          WHERE fold(contact_email) = fold($3) AND org_id <> $4) AS "contact_email!""#,
        slug,
        name,
        contact_email,
        except
    )
    .fetch_one(db)
    .await?;
    let answers = [(taken.slug, Unique::Slug), (taken.name, Unique::Name), (taken.contact_email, Unique::ContactEmail)];
    Ok(answers.into_iter().filter(|(taken, _)| *taken).map(|(_, unique)| unique).collect())
}

/// A new one: INVITE_ONLY with its creator as ADMIN, or OPEN without a member where nobody is signed in.
#[tracing::instrument(name = "db.organizations.insert", skip_all)]
pub async fn insert(
    db: &mut PgConnection,
    new: &NewOrganization,
    creator: Option<Uuid>,
) -> Result<Organization, Conflict> {
    let (join_policy, role) = match creator {
        Some(_) => (JoinPolicy::InviteOnly, Some(Role::Admin)),
        None => (JoinPolicy::Open, None),
    };
    let row = sqlx::query!(
        "WITH organization AS (
             INSERT INTO organizations (org_id, name, slug, contact_email, join_policy)
             VALUES ($1, $2, $3, $4, $5) RETURNING *
         ), admin AS (
             INSERT INTO members (org_id, user_id, role)
             SELECT org_id, $6::uuid, $7::text FROM organization WHERE $6::uuid IS NOT NULL
         )
         SELECT version, created_at FROM organization",
        new.id,
        new.name.as_str(),
        new.slug.as_str(),
        new.contact_email.as_str(),
        join_policy.as_str(),
        creator,
        role.map(Role::as_str),
    )
    .fetch_one(db)
    .await?;
    Ok(Organization {
        id: new.id,
        name: new.name.as_str().to_owned(),
        slug: new.slug.as_str().to_owned(),
        contact_email: new.contact_email.as_str().to_owned(),
        join_policy,
        created_at: row.created_at,
        version: row.version,
        role,
    })
}

/// Sets the fields that the edit has; gives the organization as its editor sees it.
#[tracing::instrument(name = "db.organizations.update", skip_all)]
pub async fn update(db: &mut PgConnection, org_id: Uuid, edit: &Edit, editor: Role) -> Result<Organization, Conflict> {
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE organizations
           SET name = coalesce($2, name), slug = coalesce($3, slug),
               contact_email = coalesce($4, contact_email), join_policy = coalesce($5, join_policy),
               version = version + 1
           WHERE org_id = $1
           RETURNING org_id, name, slug, contact_email, join_policy, version, created_at, $6::text AS role"#,
        org_id,
        edit.name.as_ref().map(Name::as_str),
        edit.slug.as_ref().map(Slug::as_str),
        edit.contact_email.as_ref().map(Email::as_str),
        edit.join_policy.map(JoinPolicy::as_str),
        editor.as_str()
    )
    .fetch_one(db)
    .await?;
    Ok(Organization::try_from(row)?)
}

/// Members, invitations and the audit log go with it.
#[tracing::instrument(name = "db.organizations.delete", skip_all)]
pub async fn delete(db: &mut PgConnection, org_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM organizations WHERE org_id = $1", org_id).execute(db).await?;
    Ok(())
}

/// Those that have waited for a member long enough, the oldest first. Who has no member is OPEN (nobody could have
/// closed it), which has an index.
#[tracing::instrument(name = "db.organizations.abandoned", skip_all)]
pub async fn abandoned(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT org_id FROM organizations o
         WHERE join_policy = 'OPEN' AND created_at < now() - make_interval(secs => $1)
           AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id)
         ORDER BY created_at LIMIT $2",
        UNCLAIMED.as_seconds_f64(),
        limit
    )
    .fetch_all(db)
    .await
}

/// Deletes one of those; `false` where it is none any more. Behind the scope's lock nobody joins meanwhile.
#[tracing::instrument(name = "db.organizations.delete_abandoned", skip_all)]
pub async fn delete_abandoned(db: &mut PgConnection, org_id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM organizations o
         WHERE org_id = $1 AND created_at < now() - make_interval(secs => $2)
           AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id)",
        org_id,
        UNCLAIMED.as_seconds_f64()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) struct Row {
    pub(super) org_id: Uuid,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) contact_email: String,
    pub(super) join_policy: String,
    pub(super) version: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) role: Option<String>,
}

impl TryFrom<Row> for Organization {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.org_id,
            join_policy: join_policy(&row.join_policy)?,
            role: row.role.as_deref().map(role).transpose()?,
            name: row.name,
            slug: row.slug,
            contact_email: row.contact_email,
            created_at: row.created_at,
            version: row.version,
        })
    }
}
