//! Removes what was deleted elsewhere or long ago: what a deleted organization leaves here, and the names of deleted
//! things whose events are gone.
//!
//! Nobody can see a deleted organization any more, so nothing is told; but rows must go. Org's feed is read from a
//! place that is kept in this service's own database and moves on only after the work is done: whatever was deleted
//! while this service was down is found when it is up again, for as long as org keeps its events. The broadcast of
//! the memberships only wakes the reader.

use std::time::Duration;

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use trellis_authn::{MembershipChange, ServiceKey};
use trellis_eventlog::Log;
use trellis_proto::org::v1::{FollowMembershipsRequest, membership_change::Kind, org_service_client::OrgServiceClient};
use trellis_rpc::Channel;
use uuid::Uuid;

use crate::{
    error::Error,
    store::{
        deleted,
        org_feed::{self, Place},
        projects, tenants,
    },
};

/// Between looks at org's feed where nothing wakes the reader.
const INTERVAL: Duration = Duration::from_secs(30);
/// Before the first look is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Between two rounds of forgetting.
const ROUND: Duration = Duration::from_mins(10);

/// Follows deleted organizations.
pub struct Leavings {
    log: Log,
    org: OrgServiceClient<Channel>,
    key: ServiceKey,
}

impl Leavings {
    pub fn new(log: Log, org: OrgServiceClient<Channel>, key: ServiceKey) -> Self {
        Self { log, org, key }
    }

    /// Until the feed was read up to its head once.
    pub async fn catch_up_first(&self) {
        while let Err(error) = self.catch_up().await {
            tracing::debug!(%error, "org's feed cannot be read yet");
            sleep(RETRY).await;
        }
    }

    /// Runs until `shutdown`. Never fails: what went wrong is tried again at the next look.
    pub async fn follow(self, mut changes: Receiver<MembershipChange>, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                tokio::select! {
                    () = deletion(&mut changes) => {}
                    () = sleep(INTERVAL) => {}
                }
                if let Err(error) = self.catch_up().await {
                    tracing::warn!(%error, "could not follow deleted organizations, trying again");
                }
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    /// Reads on from the kept place, once.
    async fn catch_up(&self) -> Result<(), Error> {
        let before = org_feed::place(&mut *self.log.pool().acquire().await?).await?;
        let request = FollowMembershipsRequest { epoch: before.epoch.clone(), after: before.head.unsigned_abs() };
        let answer =
            self.org.clone().follow_memberships(self.key.request(request)).await.map_err(Error::Peer)?.into_inner();
        if answer.reset && !before.epoch.is_empty() {
            // Down for longer than org keeps its events, or org's database is another one. What was deleted meanwhile
            // stays as rows that nobody can reach.
            tracing::warn!("org cannot tell what happened since this service last asked");
        }
        for change in answer.changes.iter().filter(|change| change.kind() == Kind::OrganizationDeleted) {
            let org_id = Uuid::try_parse(&change.org_id)
                .map_err(|_| Error::Peer(Status::data_loss("the id of an organization is no UUID")))?;
            self.remove(org_id).await?;
        }
        let after = Place { epoch: answer.epoch, head: i64::try_from(answer.head).unwrap_or(i64::MAX) };
        if after != before {
            org_feed::advance(&mut *self.log.pool().acquire().await?, &before, &after).await?;
        }
        Ok(())
    }

    /// Project by project, so that no transaction is long. Doing it again does no harm.
    async fn remove(&self, org_id: Uuid) -> Result<(), Error> {
        let log = self.log.of(org_id);
        let mut write = log.begin_unlogged().await?;
        tenants::close(write.conn(), org_id).await?;
        write.commit().await?;
        let mut removed = 0;
        loop {
            let mut write = log.begin_unlogged().await?;
            let Some(project) = tenants::any_project(write.conn(), org_id).await? else {
                deleted::forget_tenant(write.conn(), org_id).await?;
                write.commit().await?;
                break;
            };
            tenants::lock_project(write.conn(), project).await?;
            projects::delete(write.conn(), org_id, project).await?;
            write.commit().await?;
            removed += 1;
        }
        tracing::info!(%org_id, projects = removed, "removed what a deleted organization left");
        Ok(())
    }
}

/// Until an organization was deleted, as far as the broadcast tells.
async fn deletion(changes: &mut Receiver<MembershipChange>) {
    loop {
        match changes.recv().await {
            Ok(MembershipChange::OrganizationDeleted { .. } | MembershipChange::Reset) | Err(RecvError::Lagged(_)) => {
                return;
            }
            Ok(_) => {}
            // Only at the very end.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Forgets the names of deleted things, a while after their events. Never fails: what one round leaves the next finds.
pub async fn keep_deleted_forgotten(log: Log, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            match forget_deleted(&log).await {
                Ok(0) => {}
                Ok(names) => tracing::info!(names, "forgot deleted projects and tasks"),
                Err(error) => tracing::warn!(%error, "could not forget deleted projects and tasks"),
            }
            sleep(ROUND).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

async fn forget_deleted(log: &Log) -> Result<u64, Error> {
    let mut write = log.begin_unlogged().await?;
    let forgotten = deleted::forget(write.conn()).await?;
    write.commit().await?;
    Ok(forgotten)
}
