//! Removes what is left behind: the rows of a deleted organization, the names of deleted things whose events are gone,
//! and notifications that are too old.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use trellis_eventlog::Log;
use uuid::Uuid;

use crate::{
    error::Error,
    store::{deleted, leavings, notifications, projects, tenants},
};

/// Between two looks at closed organizations.
const LOOK: Duration = Duration::from_secs(1);
/// Between two rounds of forgetting.
const ROUND: Duration = Duration::from_mins(10);

/// Closes a deleted organization, and notes that its rows are to go. Doing it again does no harm.
pub async fn close_organization(log: &Log, org_id: Uuid) -> Result<(), Error> {
    let mut write = log.of(org_id).begin_unlogged().await?;
    tenants::close(write.conn(), org_id).await?;
    leavings::note(write.conn(), org_id).await?;
    Ok(write.commit().await?)
}

/// Removes what closed organizations left. Never fails: what went wrong is tried again.
pub async fn keep_removed(log: Log, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = remove_organizations(&log).await {
                tracing::warn!(%error, "could not remove what deleted organizations left, trying again");
            }
            sleep(LOOK).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

async fn remove_organizations(log: &Log) -> Result<(), Error> {
    let closed = leavings::closed(&mut *log.pool().acquire().await?).await?;
    for org_id in closed {
        while remove_project(&log.of(org_id), org_id).await? {}
    }
    Ok(())
}

/// Nobody can see the organization any more, so nothing is told; but rows must go. Project by project, so that no
/// transaction is long. False: there was none left, or another replica is about it.
async fn remove_project(log: &Log, org_id: Uuid) -> Result<bool, Error> {
    let mut write = log.begin_unlogged().await?;
    if !leavings::claim(write.conn(), org_id).await? {
        return Ok(false);
    }
    let project = tenants::any_project(write.conn(), org_id).await?;
    if let Some(project) = project {
        tenants::lock_project(write.conn(), project).await?;
        projects::delete(write.conn(), org_id, project).await?;
    } else {
        deleted::forget_tenant(write.conn(), org_id).await?;
        leavings::done(write.conn(), org_id).await?;
    }
    write.commit().await?;
    if project.is_none() {
        tracing::info!(%org_id, "removed what a deleted organization left");
    }
    Ok(project.is_some())
}

/// Forgets what is old, in rounds. Never fails: what one round leaves the next finds.
pub async fn keep_swept(log: Log, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            match forget_deleted(&log).await {
                Ok(0) => {}
                Ok(names) => tracing::info!(names, "forgot deleted projects and tasks"),
                Err(error) => tracing::warn!(%error, "could not forget deleted projects and tasks"),
            }
            if let Err(error) = forget_old_notifications(&log).await {
                tracing::warn!(%error, "could not forget old notifications");
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

/// In batches, each a transaction of its own.
async fn forget_old_notifications(log: &Log) -> Result<(), Error> {
    loop {
        let mut write = log.begin_unlogged().await?;
        let more = notifications::sweep(write.conn()).await?;
        write.commit().await?;
        if !more {
            return Ok(());
        }
    }
}
