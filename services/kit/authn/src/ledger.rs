//! What is known of memberships: answers of org that are still good, and the changes that overtake them. Pure and
//! synchronous; `memberships` asks and follows.
//!
//! One number orders all changes. An answer that reflects number 7 says nothing of change 8, so every answer is
//! measured against the newest change of its member and organization, when it comes and each time it is used. Changes
//! are forgotten after a while; `forgotten` is the highest of those, and no answer below it is believed.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use crate::memberships::{Access, MembershipChange};

/// How long a yes is used, counted from when it was asked for.
pub(crate) const LIFETIME: Duration = Duration::from_secs(5);
/// How long a change is kept: far beyond any answer under way.
const MEMORY: Duration = Duration::from_mins(1);
/// Changes and answers that are kept at most.
const CHANGES: usize = 100_000;
const ANSWERS: usize = 100_000;

/// Who asks for which organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) org: String,
    pub(crate) user: Uuid,
}

/// What a change is about: a member, or (`user: None`) the whole organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Subject {
    org: Uuid,
    user: Option<Uuid>,
}

/// The newest numbers of one subject; 0 where there is none.
#[derive(Debug, Default, Clone, Copy)]
struct Marks {
    changed: u64,
    removed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    access: Access,
    good_until: Instant,
    /// Which entry of `order` is this answer's.
    stamp: u64,
}

pub(crate) struct Ledger {
    epoch: Option<Uuid>,
    head: u64,
    forgotten: u64,
    marks: HashMap<Subject, Marks>,
    /// Changes, oldest first.
    recent: VecDeque<(Instant, u64, Subject)>,
    answers: HashMap<Question, Answer>,
    /// Answers in the order they came, by stamp.
    order: BTreeMap<u64, Question>,
    stamps: u64,
    limit: usize,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self::limited(CHANGES)
    }

    fn limited(limit: usize) -> Self {
        Self {
            epoch: None,
            head: 0,
            forgotten: 0,
            marks: HashMap::new(),
            recent: VecDeque::new(),
            answers: HashMap::new(),
            order: BTreeMap::new(),
            stamps: 0,
            limit,
        }
    }

    /// Where to read on: the epoch and the last number that was read.
    pub(crate) fn place(&self) -> (Option<Uuid>, u64) {
        (self.epoch, self.head)
    }

    /// Starts anew from a place: nothing that was known before it counts.
    pub(crate) fn reset(&mut self, epoch: Uuid, head: u64) {
        *self = Self { epoch: Some(epoch), head, forgotten: head, ..Self::limited(self.limit) };
    }

    /// Everything up to `head` was applied.
    pub(crate) fn advance(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// Applies one change of the feed; answers below it are out of date from now on.
    pub(crate) fn apply(&mut self, change: MembershipChange, now: Instant) {
        let (org, user, seq, removed) = match change {
            MembershipChange::Changed { org_id, user_id, seq } => (org_id, Some(user_id), seq, false),
            MembershipChange::Removed { org_id, user_id, seq } => (org_id, Some(user_id), seq, true),
            MembershipChange::OrganizationChanged { org_id, seq } => (org_id, None, seq, false),
            MembershipChange::OrganizationDeleted { org_id, seq } => (org_id, None, seq, true),
            // Comes of `reset`, not from the feed.
            MembershipChange::Reset => return,
        };
        let subject = Subject { org, user };
        let marks = self.marks.entry(subject).or_default();
        marks.changed = marks.changed.max(seq);
        if removed {
            marks.removed = marks.removed.max(seq);
        }
        self.recent.push_back((now, seq, subject));
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some(&(at, seq, subject)) = self.recent.front() {
            if self.recent.len() <= self.limit && now.duration_since(at) <= MEMORY {
                break;
            }
            self.recent.pop_front();
            self.forgotten = self.forgotten.max(seq);
            // A newer change of the same subject keeps its marks.
            if self.marks.get(&subject).is_some_and(|marks| marks.changed <= seq) {
                self.marks.remove(&subject);
            }
        }
    }

    /// Whether nothing that is known has happened to this membership since the answer.
    pub(crate) fn current(&self, user: Uuid, access: &Access) -> bool {
        let overtaken = |subject| self.marks.get(&subject).is_some_and(|marks| marks.changed > access.seq);
        self.epoch == Some(access.epoch)
            && access.seq >= self.forgotten
            && !overtaken(Subject { org: access.org_id, user: Some(user) })
            && !overtaken(Subject { org: access.org_id, user: None })
    }

    /// Whether a removal above `seq` is known.
    pub(crate) fn removed_since(&self, org: Uuid, user: Uuid, seq: u64) -> bool {
        let removed = |user| self.marks.get(&Subject { org, user }).is_some_and(|marks| marks.removed > seq);
        removed(Some(user)) || removed(None)
    }

    /// A yes that may still be used.
    pub(crate) fn find(&self, question: &Question, now: Instant) -> Option<Access> {
        let answer = self.answers.get(question)?;
        (now < answer.good_until && self.current(question.user, &answer.access)).then_some(answer.access)
    }

    /// Takes in a yes that was asked for at `asked_at`. `None`: it is out of date, ask again. It never
    /// replaces a newer one.
    pub(crate) fn admit(
        &mut self,
        question: &Question,
        access: Access,
        asked_at: Instant,
        now: Instant,
    ) -> Option<Access> {
        if let Some(kept) = self.answers.get(question)
            && kept.access.epoch == access.epoch
            && kept.access.seq > access.seq
        {
            return self.find(question, now);
        }
        if !self.current(question.user, &access) {
            return None;
        }
        self.keep(question, access, asked_at + LIFETIME, now);
        Some(access)
    }

    fn keep(&mut self, question: &Question, access: Access, good_until: Instant, now: Instant) {
        let stamp = self.stamps;
        self.stamps += 1;
        self.order.insert(stamp, question.clone());
        if let Some(before) = self.answers.insert(question.clone(), Answer { access, good_until, stamp }) {
            self.order.remove(&before.stamp);
        }
        // Oldest out, while there are too many or their time is over.
        while let Some(entry) = self.order.first_entry() {
            let over = self.answers.get(entry.get()).is_none_or(|answer| answer.good_until <= now);
            if !over && self.answers.len() <= ANSWERS {
                break;
            }
            self.answers.remove(&entry.remove());
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
