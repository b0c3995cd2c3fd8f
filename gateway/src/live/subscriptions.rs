//! The subscriptions of one socket: who has something to take, who waits for a page, what is to be written next.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use axum::extract::ws::Message;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{
    feed::Feed,
    forgotten, frames,
    mailbox::{Mailbox, Slot},
    reader::{Reader, Wanted},
    ring::Entry,
    subscription::{Budget, Page, Step},
    topic::Topic,
};

/// One topic that a socket listens to.
pub struct Subscription {
    pub topic: Topic,
    /// Other topics that were the same and that this took the place of: by slug and by key, under an earlier slug.
    pub replaced: Vec<Topic>,
    /// The topic as the client wrote it.
    pub spelling: Arc<str>,
    /// Whose members may listen; `None` where the topic is the user's own.
    pub org_id: Option<Uuid>,
    pub reader: Reader,
    /// Where the scope stood at the subscription: later events are live, and their delay is measured.
    pub live_from: u64,
    /// When a frame last told the client of its position.
    pub told_at: Instant,
    /// Waits for a page, or for its turn to have one read.
    pub replaying: bool,
    /// Its access is being checked: it takes nothing meanwhile.
    pub paused: bool,
}

/// A frame that is to be written.
pub struct Outgoing {
    pub slot: Option<Slot>,
    pub message: Message,
    /// What may be forgotten before it is written, and by whom.
    pub notified: Option<(Arc<Feed>, Arc<Entry>)>,
    /// The live event that it delivers.
    pub live: Option<Arc<Entry>>,
}

impl Outgoing {
    /// Whether it must not be shown any more.
    pub fn is_forgotten(&self) -> bool {
        self.notified.as_ref().is_some_and(|(feed, entry)| feed.forgotten.hides(entry))
    }

    /// What is no event.
    pub fn word(slot: Option<Slot>, message: Message) -> Self {
        Self { slot, message, notified: None, live: None }
    }
}

#[derive(Default)]
pub struct Subscriptions {
    next: Slot,
    by_slot: HashMap<Slot, Subscription>,
    mailbox: Arc<Mailbox>,
    /// Who may have something to take.
    runnable: VecDeque<Slot>,
    /// Who needs a page. One is read at a time, so that a socket holds one page at most.
    waiting: VecDeque<Slot>,
    hand: Option<(Slot, Arc<Page>)>,
    taken: Vec<Arc<Entry>>,
}

impl Subscriptions {
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    pub fn has(&self, topic: &Topic) -> bool {
        self.by_slot.values().any(|known| known.is_named(topic))
    }

    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub fn next_slot(&mut self) -> Slot {
        self.next += 1;
        self.next
    }

    /// Adds one, in the place of any other of the same topic, however that was spelled.
    pub fn insert(&mut self, slot: Slot, mut subscription: Subscription) {
        let before = self.by_slot.len();
        let replaced: Vec<_> = self.by_slot.extract_if(|_, known| known.is_same(&subscription)).collect();
        for (_, known) in replaced {
            for topic in known.replaced.into_iter().chain([known.topic]) {
                if !subscription.is_named(&topic) {
                    subscription.replaced.push(topic);
                }
            }
        }
        for known in self.by_slot.values_mut() {
            // The name has come to mean something else.
            known.replaced.retain(|topic| *topic != subscription.topic);
        }
        self.by_slot.insert(slot, subscription);
        count(before, self.by_slot.len());
        self.runnable.push_back(slot);
    }

    pub fn remove_topic(&mut self, topic: &Topic) {
        self.remove_where(|known| known.is_named(topic));
    }

    /// Removes those that match, and says which they were.
    pub fn remove_where(&mut self, matches: impl Fn(&Subscription) -> bool) -> Vec<(Slot, Arc<str>)> {
        let before = self.by_slot.len();
        let removed: Vec<_> = self.by_slot.extract_if(|_, known| matches(known)).collect();
        count(before, self.by_slot.len());
        removed.into_iter().map(|(slot, known)| (slot, known.spelling)).collect()
    }

    /// Stops those that match from taking anything, and names their organizations.
    pub fn pause(&mut self, matches: impl Fn(Slot) -> bool) -> Vec<String> {
        let mut orgs = Vec::new();
        for (slot, known) in &mut self.by_slot {
            if let Some(org) = known.topic.org()
                && matches(*slot)
            {
                known.paused = true;
                orgs.push(org.to_owned());
            }
        }
        orgs.sort();
        orgs.dedup();
        orgs
    }

    /// Lets those of an organization go on.
    pub fn resume(&mut self, org: &str) {
        for (slot, known) in &mut self.by_slot {
            if known.topic.org() == Some(org) && std::mem::take(&mut known.paused) {
                self.runnable.push_back(*slot);
            }
        }
    }

    /// Resolves when a scope has moved.
    pub async fn woken(&self) {
        self.mailbox.woken().await;
    }

    /// Whether somebody has something to take at once.
    pub fn busy(&self) -> bool {
        self.hand.is_some() || !self.runnable.is_empty()
    }

    /// Takes what there is, in turn, up to the budget.
    pub fn fill(&mut self, mut budget: Budget, out: &mut VecDeque<Outgoing>) {
        self.runnable.extend(self.mailbox.take());
        while !budget.is_spent() {
            if let Some((slot, page)) = self.hand.take() {
                self.replay(slot, page, &mut budget, out);
            } else if let Some(slot) = self.runnable.pop_front() {
                self.follow(slot, &mut budget, out);
            } else {
                return;
            }
        }
    }

    fn follow(&mut self, slot: Slot, budget: &mut Budget, out: &mut VecDeque<Outgoing>) {
        let Some(known) = self.by_slot.get_mut(&slot) else { return };
        if known.paused || known.replaying {
            // It is asked again when that is over.
            return;
        }
        let step = known.reader.follow(budget, &mut self.taken);
        known.deliver(slot, &mut self.taken, out);
        match step {
            Step::Rest => {}
            Step::More => self.runnable.push_back(slot),
            Step::Read { .. } => {
                known.replaying = true;
                self.waiting.push_back(slot);
            }
            Step::Reset => known.say_reset(slot, out),
        }
    }

    fn replay(&mut self, slot: Slot, page: Arc<Page>, budget: &mut Budget, out: &mut VecDeque<Outgoing>) {
        let Some(known) = self.by_slot.get_mut(&slot) else { return };
        if known.paused {
            // It asks again when it may go on.
            known.replaying = false;
            return;
        }
        let step = known.reader.replay(&page, budget, &mut self.taken);
        known.deliver(slot, &mut self.taken, out);
        if step == Step::More {
            self.hand = Some((slot, page));
            return;
        }
        if step == Step::Reset {
            known.say_reset(slot, out);
        }
        known.replaying = false;
        self.runnable.push_back(slot);
    }

    /// Who is next to have a page read, where no page is in hand.
    pub fn wanted(&mut self) -> Option<(Slot, Wanted)> {
        if self.hand.is_some() {
            return None;
        }
        while let Some(slot) = self.waiting.pop_front() {
            let Some(known) = self.by_slot.get_mut(&slot) else { continue };
            if known.paused {
                known.replaying = false;
                continue;
            }
            return Some((slot, known.reader.wanted()));
        }
        None
    }

    /// The page is there.
    pub fn hand(&mut self, slot: Slot, page: Arc<Page>) {
        self.hand = Some((slot, page));
    }

    /// Tells the positions of topics that were quiet for a while.
    pub fn positions(&mut self, quiet: Duration, out: &mut VecDeque<Outgoing>) {
        let now = Instant::now();
        for (slot, known) in &mut self.by_slot {
            if !known.paused && now.duration_since(known.told_at) >= quiet {
                known.told_at = now;
                let message = Message::Text(frames::position(&known.spelling, known.reader.place.at));
                out.push_back(Outgoing::word(Some(*slot), message));
            }
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        count(self.by_slot.len(), 0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a socket has a few hundred subscriptions")]
pub fn count(before: usize, after: usize) {
    if before != after {
        metrics::gauge!("live_subscriptions").increment(after as f64 - before as f64);
    }
}

impl Subscription {
    /// Whether the client has called it so.
    fn is_named(&self, topic: &Topic) -> bool {
        self.topic == *topic || self.replaced.contains(topic)
    }

    fn is_same(&self, other: &Self) -> bool {
        let (place, of_other) = (&self.reader.place, &other.reader.place);
        self.topic == other.topic || (place.at.scope == of_other.at.scope && place.filter == of_other.filter)
    }

    fn deliver(&mut self, slot: Slot, taken: &mut Vec<Arc<Entry>>, out: &mut VecDeque<Outgoing>) {
        if !taken.is_empty() {
            self.told_at = Instant::now();
        }
        for entry in taken.drain(..) {
            let message = Message::Text(entry.frame(&self.spelling));
            let feed = &self.reader.attachment.feed;
            let notified = forgotten::tells_of(&entry).map(|_| (Arc::clone(feed), Arc::clone(&entry)));
            let live = (entry.at.seq > self.live_from).then_some(entry);
            out.push_back(Outgoing { slot: Some(slot), message, notified, live });
        }
    }

    /// What was missed cannot be had: the client must read the state anew.
    fn say_reset(&mut self, slot: Slot, out: &mut VecDeque<Outgoing>) {
        self.told_at = Instant::now();
        let at = self.reader.place.at;
        self.live_from = at.seq;
        let message = Message::Text(frames::subscribed(None, &self.spelling, at, false));
        out.push_back(Outgoing::word(Some(slot), message));
    }
}
