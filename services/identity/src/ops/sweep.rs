//! What a crash left is finished or undone, what is over is forgotten.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Ops, now, tokens::FORGET_AFTER};
use crate::{
    error::Error,
    store::{sessions, users},
};

const EVERY: Duration = Duration::from_secs(30);
/// A registration that still runs is given this long: org's answer comes sooner or not at all.
const PENDING: TimeDelta = TimeDelta::seconds(60);
/// Rows of one round.
const BATCH: i64 = 200;

impl Ops {
    /// Sweeps at once and every 30 s, until `shutdown`. Several replicas may: every step is conditional.
    pub async fn keep_swept(&self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.sweep(now()).await {
                tracing::warn!(%error, "could not sweep, trying again");
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn sweep(&self, now: DateTime<Utc>) -> Result<(), Error> {
        for user in users::pending_since_before(self.log.pool(), now - PENDING, BATCH).await? {
            match self.org.has_membership(user).await {
                Ok(member) => self.settle(user, member).await?,
                // Org is away: the others would fare no better. The next round asks again.
                Err(problem) => {
                    tracing::warn!(code = problem.code.as_str(), "org does not say who joined");
                    break;
                }
            }
        }
        loop {
            let mut tx = self.log.begin_unlogged().await?;
            let deleted = sessions::delete_over(tx.conn(), now, now - FORGET_AFTER * 2, BATCH).await?;
            tx.commit().await?;
            if deleted < BATCH.unsigned_abs() {
                break;
            }
        }
        self.retire_keys(now).await
    }

    async fn settle(&self, user: Uuid, member: bool) -> Result<(), Error> {
        let mut tx = self.log.begin_unlogged().await?;
        let settled = if member {
            users::activate(tx.conn(), user).await?
        } else {
            users::delete_pending(tx.conn(), user).await?
        };
        tx.commit().await?;
        if settled {
            tracing::info!(%user, member, "settled a registration that was broken off");
        }
        Ok(())
    }
}
