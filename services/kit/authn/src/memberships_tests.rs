//! Checks against an org that answers as it is told: one call for many, no stale yes, no cached no.
#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;
use trellis_proto::org::v1::{CheckAccessResponse, membership_change::Kind};
use trellis_rpc::Code;

use super::*;
use crate::testing::user;

const EPOCH: Uuid = Uuid::from_u128(1);
const ORG: Uuid = Uuid::from_u128(0x100);
/// How long the stand-in takes to answer.
const TIME: Duration = Duration::from_millis(20);

#[derive(Clone, Default)]
struct Org {
    calls: Arc<AtomicUsize>,
    /// What `CheckAccess` says, in order; the last one for ever.
    says: Arc<Mutex<VecDeque<Result<CheckAccessResponse, Status>>>>,
    /// What the feed says next; nothing: no change.
    feed: Arc<Mutex<VecDeque<Result<FollowMembershipsResponse, Status>>>>,
    asked: Arc<Mutex<Vec<FollowMembershipsRequest>>>,
    head: Arc<Mutex<u64>>,
}

impl FollowMemberships for Org {
    async fn follow(&self, request: FollowMembershipsRequest) -> Result<FollowMembershipsResponse, Status> {
        self.asked.lock().unwrap().push(request);
        let said = self.feed.lock().unwrap().pop_front().unwrap_or_else(|| Ok(self.changes(0, Vec::new())));
        if let Ok(answer) = &said {
            *self.head.lock().unwrap() = answer.head;
        }
        said
    }
}

impl Org {
    fn start(&self) -> Arc<Memberships> {
        let org = self.clone();
        let ask: Ask = Box::new(move |request| {
            assert!(request.metadata().get("authorization").unwrap().to_str().unwrap().starts_with("Bearer "));
            org.calls.fetch_add(1, Ordering::SeqCst);
            let mut says = org.says.lock().unwrap();
            let said = if says.len() > 1 { says.pop_front().unwrap() } else { says.front().unwrap().clone() };
            async move {
                sleep(TIME).await;
                said
            }
            .boxed()
        });
        let (memberships, pull) = Memberships::new(ask, self.clone());
        memberships.feed.start(pull, None, String::new(), CancellationToken::new());
        memberships
    }

    fn says(&self, answers: impl IntoIterator<Item = Result<CheckAccessResponse, Status>>) {
        *self.says.lock().unwrap() = answers.into_iter().collect();
    }

    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }

    /// `head` 0: as before.
    fn changes(&self, head: u64, changes: Vec<wire::MembershipChange>) -> FollowMembershipsResponse {
        let head = if head == 0 { *self.head.lock().unwrap() } else { head };
        FollowMembershipsResponse { epoch: EPOCH.to_string(), head, reset: false, changes }
    }

    /// The feed brings this at the next pull.
    async fn hears(&self, answer: FollowMembershipsResponse) {
        self.feed.lock().unwrap().push_back(Ok(answer));
        sleep(Duration::from_millis(501)).await;
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of two answers")]
fn yes(seq: u64) -> Result<CheckAccessResponse, Status> {
    let role = Role::Member.into();
    Ok(CheckAccessResponse { org_id: ORG.to_string(), role, epoch: EPOCH.to_string(), seq })
}

fn no() -> Result<CheckAccessResponse, Status> {
    Err(Problem::not_found("organization").into())
}

fn change(kind: Kind, user: &User, seq: u64) -> wire::MembershipChange {
    let role = Role::Member.into();
    wire::MembershipChange {
        kind: kind.into(),
        org_id: ORG.to_string(),
        user_id: user.id.to_string(),
        role,
        seq,
        actor_id: String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_is_asked_for_once_in_five_seconds() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    org.says([yes(7)]);
    let access = memberships.check(&user, "acme").await.unwrap();
    assert_eq!(access, Access { org_id: ORG, role: Role::Member, seq: 7, epoch: EPOCH });
    assert_eq!(memberships.check(&user, "acme").await, Ok(access));
    assert_eq!(org.calls(), 1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(memberships.check(&user, "acme").await, Ok(access));
    assert_eq!(org.calls(), 1);
    assert_eq!(memberships.check(&self::user(), "acme").await, Ok(access));
    assert_eq!(memberships.check(&user, "other").await, Ok(access));
    assert_eq!(org.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_no_is_not_kept() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    org.says([no(), yes(7)]);
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::NotFound));
    assert!(memberships.check(&user, "acme").await.is_ok());
    assert_eq!(org.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_slug_is_not_asked_for() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    let long = "a".repeat(51);
    for slug in ["", "-", "a-", "-a", "a--b", "Acme", "a b", "ä", "a/b", "../x", "a\0", &long] {
        assert_eq!(memberships.check(&user, slug).await, Err(AccessError::NotFound), "{slug}");
    }
    assert_eq!(org.calls(), 0);
    org.says([yes(1)]);
    for slug in ["a", "0", "a-b-9", &long[1..]] {
        assert!(memberships.check(&user, slug).await.is_ok(), "{slug}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_the_same_make_one_call() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    org.says([yes(7)]);
    let all = futures_util::future::join_all((0..50).map(|_| memberships.check(&user, "acme"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(org.calls(), 1);
    // One that goes away leaves the others their answer.
    sleep(Duration::from_secs(6)).await;
    let leaver = tokio::time::timeout(TIME / 2, memberships.check(&user, "acme"));
    let (left, stayed) = futures_util::future::join(leaver, memberships.check(&user, "acme")).await;
    assert!(left.is_err() && stayed.is_ok());
    assert_eq!(org.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_no_from_before_the_question_is_asked_anew() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    // The first asks; then the user joins; then it asks again while the first answer is under way.
    org.says([no(), yes(8)]);
    let late = async {
        sleep(TIME / 2).await;
        memberships.check(&user, "acme").await
    };
    let (first, second) = futures_util::future::join(memberships.check(&user, "acme"), late).await;
    assert_eq!((first, second.is_ok()), (Err(AccessError::NotFound), true));
    assert_eq!(org.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removal_ends_a_yes_and_is_announced() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    let mut news = memberships.changes();
    org.says([yes(7), no()]);
    memberships.check(&user, "acme").await.unwrap();
    assert!(!memberships.overtaken(ORG, user.id, 7));
    org.hears(org.changes(8, vec![change(Kind::Removed, &user, 8)])).await;
    assert!(memberships.overtaken(ORG, user.id, 7));
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::NotFound));
    let removed = MembershipChange::Removed { org_id: ORG, user_id: user.id, seq: 8 };
    assert_eq!(news.try_recv(), Ok(removed));
    assert!(news.try_recv().is_err());
    sleep(Duration::from_millis(501)).await;
    let asked = org.asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(asked, FollowMembershipsRequest { epoch: EPOCH.to_string(), after: 8 });
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_was_overtaken_on_its_way_is_asked_for_again() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    org.hears(org.changes(8, vec![change(Kind::Removed, &user, 8)])).await;
    org.says([yes(7), no()]);
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::NotFound));
    assert_eq!(org.calls(), 2);
    org.says([yes(7), yes(9)]);
    assert_eq!(memberships.check(&user, "acme").await.unwrap().seq, 9);
    // An org that never catches up is not believed.
    org.says([yes(7)]);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn another_epoch_ends_everything_and_is_announced() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    memberships.loaded().await;
    let mut news = memberships.changes();
    org.says([yes(7)]);
    memberships.check(&user, "acme").await.unwrap();
    assert_eq!(org.calls(), 1);
    org.hears(FollowMembershipsResponse { reset: true, ..org.changes(9, Vec::new()) }).await;
    assert_eq!(news.try_recv(), Ok(MembershipChange::Reset));
    org.says([yes(9)]);
    assert_eq!(memberships.check(&user, "acme").await.unwrap().seq, 9);
    assert_eq!(org.calls(), 1);
    // Numbers that went back, or a change that cannot be read, are no different.
    org.hears(org.changes(3, Vec::new())).await;
    assert_eq!(news.try_recv(), Ok(MembershipChange::Reset));
    let odd = wire::MembershipChange { org_id: "?".to_owned(), ..change(Kind::Removed, &user, 4) };
    org.hears(org.changes(4, vec![odd])).await;
    assert_eq!(news.try_recv(), Ok(MembershipChange::Reset));
    assert!(news.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn trouble_is_not_a_no() {
    let (org, user) = (Org::default(), user());
    let memberships = org.start();
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::Unavailable));
    memberships.loaded().await;
    let bare = Status::not_found("the proxy's own page");
    let odd = CheckAccessResponse { role: Role::Unspecified.into(), ..yes(7).unwrap() };
    let signed_out = Problem::new(Code::Unauthenticated, "x").into();
    for trouble in [Err(Status::unavailable("down")), Err(bare), Err(Status::unknown("?")), Err(signed_out), Ok(odd)] {
        org.says([trouble]);
        assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::Unavailable));
    }
    // Neither feed for ten seconds: not even a yes of a moment ago.
    org.says([yes(7)]);
    for _ in 0..30 {
        org.feed.lock().unwrap().push_back(Err(Status::unavailable("down")));
    }
    sleep(Duration::from_secs(9)).await;
    assert!(memberships.check(&user, "acme").await.is_ok());
    sleep(Duration::from_secs(2)).await;
    assert!(!memberships.fresh());
    assert_eq!(memberships.check(&user, "acme").await, Err(AccessError::Unavailable));
}
