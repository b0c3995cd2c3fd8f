//! Organizations that were made without sign-in and that nobody has joined go after a day.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Happened, Ops, What};
use crate::{error::Error, store::organizations};

const EVERY: Duration = Duration::from_mins(10);
/// Organizations of one look.
const BATCH: i64 = 200;

impl Ops {
    /// Sweeps at once and every 10 minutes, until `shutdown`. Several replicas may: who comes second finds less.
    pub async fn keep_swept(&self, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                if let Err(error) = self.sweep().await {
                    tracing::warn!(%error, "could not sweep, trying again");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    async fn sweep(&self) -> Result<(), Error> {
        loop {
            let abandoned = organizations::abandoned(self.log.pool(), BATCH).await?;
            for org_id in &abandoned {
                self.delete_abandoned(*org_id).await?;
            }
            // Each of them is gone now, or has a member.
            if abandoned.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    /// A write of its own for each, so that others get their turn in between. Who joins takes the same lock: they come
    /// first and the organization stays, or find it gone.
    async fn delete_abandoned(&self, org_id: Uuid) -> Result<(), Error> {
        let mut write = self.begin().await?;
        if !organizations::delete_abandoned(write.conn(), org_id).await? {
            write.unchanged().await?;
            return Ok(());
        }
        Happened { what: What::Deleted, org_id, user: None, role: None, actor: None, by: None }.commit(write).await?;
        tracing::info!(organization = %org_id, "deleted an organization that nobody has joined");
        Ok(())
    }
}
