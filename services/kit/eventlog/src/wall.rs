//! The second wall between organizations: which one's rows a transaction may touch, as the policies of row-level
//! security read it (`trellis.org`). The first wall is the `org_id` in every statement.
//!
//! Fails closed: connections of the pool begin with the setting empty, and so outside of every organization.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::reads::Connection;

/// What a connection is started with. A connection without it is one of a version that knew no wall.
pub(crate) const OUTSIDE: (&str, &str) = ("trellis.org", "");

/// Begins a transaction for writing: still one round trip.
pub(crate) fn begin(tenant: Option<Uuid>) -> SqlStr {
    match tenant {
        None => "BEGIN".into_sql_str(),
        // A UUID writes itself without a quote.
        Some(tenant) => AssertSqlSafe(format!("BEGIN; SET LOCAL trellis.org = '{tenant}'")).into_sql_str(),
    }
}

/// A connection that reads one organization's rows, and sees no others, until it is dropped.
pub struct Reader {
    /// Taken when this is dropped.
    conn: Option<Connection>,
    unread: bool,
}

impl Reader {
    pub(crate) async fn begin(conn: Connection, tenant: Uuid) -> Result<Self, sqlx::Error> {
        // Whole before the transaction is begun: cancelled in the middle, it is ended all the same.
        let mut reader = Self { conn: Some(conn), unread: false };
        let begin = AssertSqlSafe(format!("BEGIN READ ONLY; SET LOCAL trellis.org = '{tenant}'"));
        sqlx::raw_sql(begin).execute(&mut **reader.taken()).await?;
        Ok(reader)
    }

    /// For a read that stops halfway. The pool would read the rest, however much that is: its connection goes instead.
    pub fn leave_unread(&mut self) {
        self.unread = true;
    }

    fn taken(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("taken by nobody but drop")
    }
}

impl std::ops::Deref for Reader {
    type Target = sqlx::PgConnection;

    fn deref(&self) -> &Self::Target {
        self.conn.as_ref().expect("taken by nobody but drop")
    }
}

impl std::ops::DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.taken()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        // The end of a read keeps nobody waiting.
        match Handle::try_current() {
            Ok(runtime) if !self.unread => drop(runtime.spawn(async move {
                if sqlx::raw_sql("ROLLBACK").execute(&mut *conn).await.is_err() {
                    conn.close_on_drop();
                }
            })),
            _ => conn.close_on_drop(),
        }
    }
}
