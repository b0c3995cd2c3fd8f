//! Follows org: who may work in which organization. A yes is cached for at most 5 s and dropped by the feed; a no is
//! not cached; an older answer never replaces a newer one.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::{sync::broadcast, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use trellis_proto::{
    org::v1::{
        self as wire, FollowMembershipsRequest, FollowMembershipsResponse, Role, org_service_client::OrgServiceClient,
    },
    subject,
};
use trellis_rpc::{Channel, Problem};
use uuid::Uuid;

use crate::{
    ServiceKey, User,
    desk::{Ask, Desk},
    feed::{Feed, Pull},
};

/// Changes that a slow receiver may be behind.
const BACKLOG: usize = 4096;

/// A yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub org_id: Uuid,
    pub role: Role,
    /// The number of the membership feed that the answer reflects.
    pub seq: u64,
    /// The feed's epoch.
    pub epoch: Uuid,
}

/// Why there is no yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Not a member, or no such organization: alike.
    #[error("no such organization")]
    NotFound,
    /// Org does not answer, or neither feed was heard for 10 s.
    #[error("memberships are not known at the moment")]
    Unavailable,
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotFound => Self::not_found("organization"),
            AccessError::Unavailable => Self::unavailable("Memberships cannot be checked at the moment."),
        }
    }
}

/// One change of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// The user's role in the organization changed, or the user joined.
    Changed {
        org_id: Uuid,
        user_id: Uuid,
        seq: u64,
    },
    Removed {
        org_id: Uuid,
        user_id: Uuid,
        seq: u64,
    },
    OrganizationChanged {
        org_id: Uuid,
        seq: u64,
    },
    OrganizationDeleted {
        org_id: Uuid,
        seq: u64,
    },
    /// What happened cannot be told: every access must be checked again.
    Reset,
}

impl MembershipChange {
    /// `None`: an id that is none.
    fn read(change: &wire::MembershipChange) -> Option<Self> {
        use wire::membership_change::Kind;
        let org_id = change.org_id.parse().ok()?;
        let user_id = || change.user_id.parse().ok();
        let seq = change.seq;
        Some(match change.kind() {
            Kind::Joined | Kind::RoleChanged => Self::Changed { org_id, user_id: user_id()?, seq },
            Kind::Removed => Self::Removed { org_id, user_id: user_id()?, seq },
            Kind::OrganizationDeleted => Self::OrganizationDeleted { org_id, seq },
            // A kind that is newer than this program: something happened there, so ask again.
            Kind::OrganizationChanged | Kind::Unspecified => Self::OrganizationChanged { org_id, seq },
        })
    }
}

/// Memberships, asked for and kept current.
pub struct Memberships {
    feed: Arc<Feed>,
    desk: Arc<Desk>,
    news: broadcast::Sender<MembershipChange>,
}

impl Memberships {
    pub fn follow(
        org: OrgServiceClient<Channel>,
        key: ServiceKey,
        nats: Option<async_nats::Client>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let asked = org.clone();
        let ask: Ask = Box::new(move |request| {
            let mut org = asked.clone();
            async move { Ok(org.check_access(request).await?.into_inner()) }.boxed()
        });
        let (memberships, pull) = Self::new(ask, OrgFeed { org, key });
        memberships.feed.start(pull, nats, subject::of("org", subject::MEMBERSHIPS), shutdown);
        memberships
    }

    fn new<S>(ask: Ask, source: S) -> (Arc<Self>, MembershipPull<S>) {
        let feed = Feed::new("org.memberships");
        let desk = Desk::new(Arc::clone(&feed), ask);
        let memberships = Arc::new(Self { feed, desk, news: broadcast::Sender::new(BACKLOG) });
        (Arc::clone(&memberships), MembershipPull { source, memberships })
    }

    /// Resolves when the feed was heard once.
    pub async fn loaded(&self) {
        self.feed.loaded().await;
    }

    /// Whether the feed was heard within the last 10 s.
    pub fn fresh(&self) -> bool {
        self.feed.fresh()
    }

    /// May this user work in the organization with that slug?
    pub async fn check(&self, user: &User, org: &str) -> Result<Access, AccessError> {
        self.desk.check(user, org).await
    }

    /// Whether the feed has already taken away an access that was given at `seq` (a yes overtaken by a removal).
    /// Removals are known for a minute: ask when an access was just given, and follow `changes` from before that.
    pub fn overtaken(&self, org_id: Uuid, user_id: Uuid, seq: u64) -> bool {
        self.desk.with_ledger(|ledger| ledger.removed_since(org_id, user_id, seq))
    }

    /// Changes as they come. A receiver that lags must treat it as `Reset`.
    pub fn changes(&self) -> broadcast::Receiver<MembershipChange> {
        self.news.subscribe()
    }

    fn apply(&self, answer: &FollowMembershipsResponse) -> Result<(), Status> {
        let epoch: Uuid = answer.epoch.parse().map_err(|_| Status::data_loss("the epoch is not an id"))?;
        let changes: Option<Vec<_>> = answer.changes.iter().map(MembershipChange::read).collect();
        let now = Instant::now();
        let (first, reset, changes) = self.desk.with_ledger(|ledger| {
            let (before, head) = ledger.place();
            // But for the first two, what the server should have said: we cannot continue from where we were.
            let reset = answer.reset || before != Some(epoch) || answer.head < head || changes.is_none();
            let changes = changes.filter(|_| !reset).unwrap_or_default();
            if reset {
                ledger.reset(epoch, answer.head);
            }
            for change in &changes {
                ledger.apply(*change, now);
            }
            ledger.advance(answer.head);
            (before.is_none(), reset, changes)
        });
        // After the ledger knows, so that who hears of one and checks is told the same. An error says that nobody
        // listens. At the very start nobody has anything that could be out of date.
        if reset && !first {
            let _ = self.news.send(MembershipChange::Reset);
        }
        for change in changes {
            let _ = self.news.send(change);
        }
        Ok(())
    }
}

/// `FollowMemberships`, over gRPC or as a test has it.
trait FollowMemberships: Send + Sync + 'static {
    fn follow(
        &self,
        request: FollowMembershipsRequest,
    ) -> impl Future<Output = Result<FollowMembershipsResponse, Status>> + Send;
}

struct OrgFeed {
    org: OrgServiceClient<Channel>,
    key: ServiceKey,
}

impl FollowMemberships for OrgFeed {
    async fn follow(&self, request: FollowMembershipsRequest) -> Result<FollowMembershipsResponse, Status> {
        Ok(self.org.clone().follow_memberships(self.key.request(request)).await?.into_inner())
    }
}

struct MembershipPull<S> {
    source: S,
    memberships: Arc<Memberships>,
}

impl<S: FollowMemberships> Pull for MembershipPull<S> {
    async fn pull(&mut self) -> Result<(), Status> {
        let (epoch, after) = self.memberships.desk.with_ledger(|ledger| ledger.place());
        let epoch = epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
        let answer = self.source.follow(FollowMembershipsRequest { epoch, after }).await?;
        self.memberships.apply(&answer)
    }
}

#[cfg(test)]
#[path = "memberships_tests.rs"]
mod tests;
