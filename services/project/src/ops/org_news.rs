//! Acts on what happens in org: who was added and whose role was changed is told, who was removed loses what was told of
//! the organization, and a deleted one is closed. What that leaves is removed elsewhere: nobody waits for it here.
//!
//! Org's feed is read from a place that is kept in this service's own database and moves on, change by change, only
//! after the work is done: whatever happened while this service was down is found when it is up again, for as long as
//! org keeps its events. The broadcast of the memberships only wakes the reader. All replicas follow: what one has done
//! moves the place on, and behind it the others do nothing any more.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{
        Mutex,
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
    },
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use trellis_authn::MembershipChange;
use trellis_eventlog::Log;
use trellis_proto::org::v1::{self as org, Role, membership_change::Kind};
use uuid::{Builder, Uuid};

use super::{
    leavings::close_organization,
    tell::{Teller, Told},
};
use crate::{
    domain::{News, OrganizationRef, Reason},
    error::Error,
    people::People,
    store::{
        notifications,
        org_feed::{self, Fence, Place},
        preferences,
    },
};

/// Between looks at org's feed where nothing wakes the reader.
const INTERVAL: Duration = Duration::from_secs(30);
/// Before a look that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How often the log says that it fails.
const SAY: Duration = Duration::from_secs(5);

/// Follows org.
pub struct OrgNews {
    log: Log,
    people: People,
    teller: Teller,
    /// One reader at a time in this process; others find its work done.
    reading: Mutex<()>,
}

/// How a stretch of the feed was read.
enum Read {
    ToItsEnd,
    /// Another replica has moved the place on: read on from there.
    Overtaken,
}

impl OrgNews {
    pub fn new(log: Log, people: People, teller: Teller) -> Self {
        Self { log, people, teller, reading: Mutex::default() }
    }

    /// Until the feed was read up to its head once.
    pub async fn catch_up_first(&self) {
        let mut said = Instant::now();
        while let Err(error) = self.catch_up().await {
            tracing::debug!(%error, "org's feed cannot be read yet");
            if said.elapsed() > SAY {
                said = Instant::now();
                tracing::warn!(%error, "could not follow org, trying again");
            }
            sleep(RETRY).await;
        }
    }

    /// Runs until `shutdown`. Never fails: what went wrong is tried again.
    pub async fn follow(&self, mut changes: Receiver<MembershipChange>, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                tokio::select! {
                    () = change(&mut changes) => {}
                    () = sleep(INTERVAL) => {}
                }
                self.catch_up_first().await;
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    /// Acts on all that has happened up to now. Gives the place behind it.
    pub async fn catch_up(&self) -> Result<Place, Error> {
        let _one = self.reading.lock().await;
        while let Read::Overtaken = self.read().await? {}
        Ok(org_feed::place(&mut *self.log.pool().acquire().await?).await?)
    }

    /// Reads on from the kept place, once.
    async fn read(&self) -> Result<Read, Error> {
        let mut at = org_feed::place(&mut *self.log.pool().acquire().await?).await?;
        let answer = self.people.memberships_since(&at.epoch, at.head.unsigned_abs()).await?;
        if answer.reset && !at.epoch.is_empty() {
            // Down for longer than org keeps its events, or org's database is another one. Rows of what was deleted
            // meanwhile stay, where nobody can reach them.
            tracing::warn!("org cannot tell what happened since this service last asked");
            self.forget_strangers(&Fence::at(&at)).await?;
        }
        for change in &answer.changes {
            match self.act(&answer.epoch, change).await? {
                None => continue,
                Some(Told::Moved) => return Ok(Read::Overtaken),
                Some(Told::Yes) => {}
            }
            let head = signed(change.seq);
            let took = matches!(change.kind(), Kind::Removed | Kind::OrganizationDeleted);
            let next = Place { epoch: answer.epoch.clone(), head, removed: if took { head } else { at.removed } };
            if !self.advance(&at, &next).await? {
                return Ok(Read::Overtaken);
            }
            at = next;
        }
        let head = signed(answer.head);
        // Nobody knows what was taken away in between.
        let end = Place { epoch: answer.epoch, head, removed: if answer.reset { head } else { at.removed } };
        let read = at == end || self.advance(&at, &end).await?;
        Ok(if read { Read::ToItsEnd } else { Read::Overtaken })
    }

    async fn advance(&self, from: &Place, to: &Place) -> Result<bool, Error> {
        Ok(org_feed::advance(&mut *self.log.pool().acquire().await?, from, to).await?)
    }

    /// `None`: it is nothing to act upon.
    async fn act(&self, epoch: &str, change: &org::MembershipChange) -> Result<Option<Told>, Error> {
        let Ok(org_id) = Uuid::try_parse(&change.org_id) else {
            tracing::error!(seq = change.seq, "the id of an organization is no UUID");
            return Ok(None);
        };
        let user = Uuid::try_parse(&change.user_id);
        let fence = Fence::before(epoch, signed(change.seq));
        match (change.kind(), user) {
            (Kind::Joined, Ok(user)) => self.tell(org_id, user, Reason::Added, epoch, change, &fence).await,
            (Kind::RoleChanged, Ok(user)) => self.tell(org_id, user, Reason::RoleChanged, epoch, change, &fence).await,
            (Kind::Removed, Ok(user)) => self.teller.forget(user, org_id, &fence).await.map(Some),
            (Kind::OrganizationDeleted, _) => {
                let users = notifications::users(&mut *self.log.pool().acquire().await?, org_id).await?;
                for user in users {
                    if self.teller.forget(user, org_id, &fence).await? == Told::Moved {
                        return Ok(Some(Told::Moved));
                    }
                }
                close_organization(&self.log, org_id).await?;
                Ok(Some(Told::Yes))
            }
            _ => Ok(None),
        }
    }

    /// Somebody else did something to a user who is a member now.
    async fn tell(
        &self,
        org_id: Uuid,
        user: Uuid,
        reason: Reason,
        epoch: &str,
        change: &org::MembershipChange,
        fence: &Fence,
    ) -> Result<Option<Told>, Error> {
        let Ok(actor) = Uuid::try_parse(&change.actor_id) else {
            return Ok(None);
        };
        let Some(roster) = self.people.among(org_id, &[user]).await? else {
            return Ok(None);
        };
        let wanted = preferences::of(&mut *self.log.pool().acquire().await?, &[user]).await?;
        let wants = wanted.get(&user).copied().unwrap_or_default().want(reason);
        if actor == user || !wants || !roster.members.contains(&user) {
            return Ok(None);
        }
        let news = News {
            event_id: event_id(epoch, change.seq),
            actor: Some(actor),
            organization: OrganizationRef { id: org_id, slug: roster.slug, name: roster.name },
            task: None,
            comment: None,
            excerpt: String::new(),
            role: role(change.role()).map(ToOwned::to_owned),
        };
        self.teller.tell(user, reason, &news, fence).await.map(Some)
    }

    /// Where org cannot tell who was removed, all who were told something are asked for.
    async fn forget_strangers(&self, fence: &Fence) -> Result<(), Error> {
        let organizations = notifications::organizations(&mut *self.log.pool().acquire().await?).await?;
        for org_id in organizations {
            let told = notifications::users(&mut *self.log.pool().acquire().await?, org_id).await?;
            let roster = self.people.among(org_id, &told).await?;
            for user in told {
                if roster.as_ref().is_none_or(|roster| !roster.members.contains(&user)) {
                    // Where another replica was faster, it has done the same.
                    self.teller.forget(user, org_id, fence).await?;
                }
            }
        }
        Ok(())
    }
}

/// Org's feed has numbers and no ids: the same change is the same event for all replicas.
fn event_id(epoch: &str, seq: u64) -> Uuid {
    let digest = Sha256::digest(format!("trellis.org.memberships {epoch} {seq}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Admin => Some("ADMIN"),
        Role::Member => Some("MEMBER"),
        Role::Unspecified => None,
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Until something happened, as far as the broadcast tells; several things at once are one.
async fn change(changes: &mut Receiver<MembershipChange>) {
    if let Err(RecvError::Closed) = changes.recv().await {
        // Only at the very end.
        std::future::pending::<()>().await;
    }
    while !matches!(changes.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_event_and_no_other() {
        let epoch = "0199b1c6-7f2e-7000-8000-000000000001";
        assert_eq!(event_id(epoch, 7), event_id(epoch, 7));
        assert_ne!(event_id(epoch, 7), event_id(epoch, 8));
        assert_ne!(event_id(epoch, 7), event_id("", 7));
        assert_eq!(event_id(epoch, 7).get_version_num(), 8);
    }
}
