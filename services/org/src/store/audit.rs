//! The audit log. It is written in the transaction of what it tells of, and read; the database refuses anything else.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, postgres::PgConnection, types::Json};
use uuid::Uuid;

use crate::domain::{Action, Actor, AuditEntry, Changed, Noted, Window};

#[tracing::instrument(name = "db.audit.append", skip_all)]
pub async fn append(db: &mut PgConnection, org_id: Uuid, actor: Actor, noted: &Noted<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO audit (org_id, id, action, actor_id, user_id, email, changes, ip)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::inet)",
        org_id,
        Uuid::now_v7(),
        noted.action.as_str(),
        actor.user,
        noted.user,
        noted.email,
        Json(&noted.changes) as _,
        actor.address.map(|address| address.to_string())
    )
    .execute(db)
    .await?;
    Ok(())
}

/// That invitations for these addresses were revoked: one entry for each.
#[tracing::instrument(name = "db.audit.append_revoked", skip_all)]
pub async fn append_revoked(
    db: &mut PgConnection,
    org_id: Uuid,
    actor: Actor,
    emails: &[String],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = emails.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "INSERT INTO audit (org_id, id, action, actor_id, email, ip)
         SELECT $1, entry.id, $2, $3, entry.email, $4::text::inet
         FROM unnest($5::uuid[], $6::text[]) AS entry (id, email)",
        org_id,
        Action::InvitationRevoked.as_str(),
        actor.user,
        actor.address.map(|address| address.to_string()),
        &ids,
        emails
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Newest first.
#[tracing::instrument(name = "db.audit.list", skip_all)]
pub async fn list(db: impl PgExecutor<'_>, org_id: Uuid, window: Window) -> Result<Vec<AuditEntry>, sqlx::Error> {
    macro_rules! read {
        ($beyond:tt, $order:tt) => {
            sqlx::query_as!(
                Row,
                r#"SELECT id, action, actor_id, user_id, email, changes AS "changes: Json<Vec<Changed>>",
                          host(ip) AS ip, occurred_at
                   FROM audit
                   WHERE org_id = $1 AND (occurred_at, id) "#
                    + $beyond
                    + r#" ($2, $3)
                   ORDER BY occurred_at "#
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
    let rows = if window.backward { read!(">", "ASC") } else { read!("<", "DESC") };
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

struct Row {
    id: Uuid,
    action: String,
    actor_id: Option<Uuid>,
    user_id: Option<Uuid>,
    email: Option<String>,
    changes: Json<Vec<Changed>>,
    ip: Option<String>,
    occurred_at: DateTime<Utc>,
}

impl From<Row> for AuditEntry {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            action: row.action,
            actor: row.actor_id,
            user: row.user_id,
            email: row.email,
            changes: row.changes.0,
            address: row.ip,
            occurred_at: row.occurred_at,
        }
    }
}
