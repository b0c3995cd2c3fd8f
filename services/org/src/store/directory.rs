//! Lists of organizations: the directory, and a user's own.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::organizations::Row;
use crate::domain::{LONGEST, Organization, Window};

/// Organizations without a member that the whole directory has at most.
const WAITING: i64 = 1_000;

/// The OPEN ones, and where a user asks, the user's own as well. Each half reads its own index in the list's order.
#[tracing::instrument(name = "db.directory.page", skip_all)]
pub async fn page(
    db: impl PgExecutor<'_>,
    user: Option<Uuid>,
    window: Window,
) -> Result<Vec<Organization>, sqlx::Error> {
    macro_rules! read {
        ($beyond:tt, $order:tt) => {
            sqlx::query_as!(
                Row,
                r#"SELECT org_id AS "org_id!", name AS "name!", slug AS "slug!", contact_email AS "contact_email!",
                          join_policy AS "join_policy!", version AS "version!", created_at AS "created_at!",
                          role AS "role?"
                   FROM (
                       (SELECT o.org_id, o.name, o.slug, o.contact_email, o.join_policy, o.version, o.created_at,
                               NULL::text AS role
                        FROM organizations o
                        WHERE o.join_policy = 'OPEN' AND (o.created_at, o.org_id) "# + $beyond + r#" ($2, $3)
                          AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id AND m.user_id = $1)
                        ORDER BY o.created_at "# + $order + ", o.org_id " + $order + r#" LIMIT $4)
                       UNION ALL
                       (SELECT o.org_id, o.name, o.slug, o.contact_email, o.join_policy, o.version, o.created_at, m.role
                        FROM members m JOIN organizations o ON o.org_id = m.org_id
                        WHERE m.user_id = $1 AND (o.created_at, o.org_id) "# + $beyond + r#" ($2, $3)
                        ORDER BY o.created_at "# + $order + ", o.org_id " + $order + r#" LIMIT $4)
                   ) AS visible
                   ORDER BY created_at "# + $order + ", org_id " + $order + " LIMIT $4",
                user,
                window.from.at,
                window.from.id,
                window.rows()
            )
            .fetch_all(db)
            .await?
        };
    }
    let rows = if window.backward { read!("<", "DESC") } else { read!(">", "ASC") };
    rows.into_iter().map(Organization::try_from).collect()
}

/// The directory whole, in its order, as much of it as a list may have. Where there are more OPEN ones, a user's own
/// come first, then the youngest of those that wait for a member (who has just made one finds it), then those with
/// members, the oldest first: however many are made, they push out none of these.
#[tracing::instrument(name = "db.directory.whole", skip_all)]
pub async fn whole(db: impl PgExecutor<'_>, user: Option<Uuid>) -> Result<Vec<Organization>, sqlx::Error> {
    let longest = i64::try_from(LONGEST).unwrap_or(i64::MAX - 1);
    let rows = sqlx::query_as!(
        Row,
        r#"WITH own AS (
               SELECT o.*, m.role FROM members m JOIN organizations o ON o.org_id = m.org_id
               WHERE m.user_id = $1
               -- One more than a list may have tells that it is too long.
               ORDER BY o.created_at, o.org_id LIMIT $2::bigint + 1
           ), waiting AS (
               SELECT o.*, NULL::text AS role FROM organizations o
               WHERE o.join_policy = 'OPEN' AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id)
               ORDER BY o.created_at DESC, o.org_id DESC
               LIMIT least($3::bigint, greatest($2::bigint - (SELECT count(*) FROM own), 0))
           ), others AS (
               SELECT o.*, NULL::text AS role FROM organizations o
               WHERE o.join_policy = 'OPEN' AND EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id)
                 AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = o.org_id AND m.user_id = $1)
               ORDER BY o.created_at, o.org_id
               LIMIT greatest($2::bigint - (SELECT count(*) FROM own) - (SELECT count(*) FROM waiting), 0)
           )
           SELECT org_id AS "org_id!", name AS "name!", slug AS "slug!", contact_email AS "contact_email!",
                  join_policy AS "join_policy!", version AS "version!", created_at AS "created_at!", role AS "role?"
           FROM (SELECT * FROM own UNION ALL SELECT * FROM waiting UNION ALL SELECT * FROM others) AS listed
           ORDER BY created_at, org_id"#,
        user,
        longest,
        WAITING
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Organization::try_from).collect()
}

/// Those that a user is a member of.
#[tracing::instrument(name = "db.directory.of_user", skip_all)]
pub async fn of_user(db: impl PgExecutor<'_>, user: Uuid, window: Window) -> Result<Vec<Organization>, sqlx::Error> {
    macro_rules! read {
        ($beyond:tt, $order:tt) => {
            sqlx::query_as!(
                Row,
                r#"SELECT o.org_id, o.name, o.slug, o.contact_email, o.join_policy, o.version, o.created_at,
                          m.role AS "role?"
                   FROM members m JOIN organizations o ON o.org_id = m.org_id
                   WHERE m.user_id = $1 AND (o.created_at, o.org_id) "#
                    + $beyond
                    + r#" ($2, $3)
                   ORDER BY o.created_at "#
                    + $order
                    + ", o.org_id "
                    + $order
                    + " LIMIT $4",
                user,
                window.from.at,
                window.from.id,
                window.rows()
            )
            .fetch_all(db)
            .await?
        };
    }
    let rows = if window.backward { read!("<", "DESC") } else { read!(">", "ASC") };
    rows.into_iter().map(Organization::try_from).collect()
}
