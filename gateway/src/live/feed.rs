//! One scope with local subscribers: its ring, who listens, and the pages that slow or returning listeners read.
//!
//! What keeps the ring current is in `follow`; here is what sockets see of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    encode::encode,
    forgotten::Forgotten,
    log::{Log, ReadError},
    mailbox::{Listener, Mailbox, Slot},
    ring::{Entry, MOST_BYTES, Ring},
    subscription::Page,
};
use crate::{cursor::Cursor, people::People};

/// Pages of one scope that are kept for others who come from about the same place.
const MOST_PAGES: usize = 4;
/// How long they are kept.
const PAGES_KEPT: Duration = Duration::from_secs(10);
/// Heads that were told and not yet looked at.
const HEADS: usize = 8;

/// A scope that is followed.
pub struct Feed {
    pub scope: Uuid,
    ring: RwLock<Ring>,
    listeners: Mutex<Listeners>,
    heads: mpsc::Sender<(Uuid, u64)>,
    pages: AsyncMutex<Shelf>,
    /// What is in the ring and in pages, and no longer to be shown.
    pub(super) forgotten: Forgotten,
    /// Events that are traced and whose trace waits for a socket: those of this while and of the one before.
    traced: Mutex<[Vec<Arc<Entry>>; 2]>,
    pub(super) stop: CancellationToken,
}

struct Listeners {
    by_number: HashMap<u64, Arc<Listener>>,
    next: u64,
    /// Since when nobody listens.
    idle_since: Option<Instant>,
}

#[derive(Default)]
struct Shelf(VecDeque<(Instant, Arc<Page>)>);

/// A listener's place at a feed; it stops listening when this is dropped.
pub struct Attachment {
    pub feed: Arc<Feed>,
    listener: Arc<Listener>,
    number: u64,
}

impl Feed {
    /// A feed that begins behind `head`, and where it is told of heads.
    pub fn new(head: Cursor, stop: CancellationToken) -> (Arc<Self>, mpsc::Receiver<(Uuid, u64)>) {
        let (heads, told) = mpsc::channel(HEADS);
        let listeners = Listeners { by_number: HashMap::new(), next: 0, idle_since: Some(Instant::now()) };
        let feed = Self {
            scope: head.scope,
            ring: RwLock::new(Ring::new(head.epoch, head.seq)),
            listeners: Mutex::new(listeners),
            heads,
            pages: AsyncMutex::default(),
            forgotten: Forgotten::default(),
            traced: Mutex::default(),
            stop,
        };
        (Arc::new(feed), told)
    }

    /// The database says where the scope stands. Lost where too much is told at once: it is told again soon.
    pub fn head_is(&self, epoch: Uuid, head: u64) {
        let _ = self.heads.try_send((epoch, head));
    }

    /// Looks at the ring as it is now.
    pub fn with_ring<T>(&self, look: impl FnOnce(&Ring) -> T) -> T {
        look(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what follows the head, and wakes who listens.
    pub(super) fn push(&self, entries: impl IntoIterator<Item = Arc<Entry>>) {
        {
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                self.forgotten.note(&entry);
                ring.push(entry);
            }
        }
        self.wake();
    }

    /// Begins anew behind `head`, and wakes who listens: they find out that they are elsewhere.
    pub(super) fn restart(&self, epoch: Uuid, head: u64) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Ring::new(epoch, head);
        self.forgotten.clear();
        self.wake();
    }

    fn wake(&self) {
        self.listeners().by_number.values().for_each(|listener| listener.wake());
    }

    pub fn attach(self: &Arc<Self>, slot: Slot, mailbox: Arc<Mailbox>) -> Attachment {
        let listener = Arc::new(Listener::new(slot, mailbox));
        let mut listeners = self.listeners();
        let number = listeners.next;
        listeners.next += 1;
        listeners.idle_since = None;
        listeners.by_number.insert(number, Arc::clone(&listener));
        Attachment { feed: Arc::clone(self), listener, number }
    }

    /// Since when nobody listens; `None` where somebody does.
    pub fn idle_since(&self) -> Option<Instant> {
        self.listeners().idle_since
    }

    /// Events that follow `after`, for a listener whom the ring no longer helps. One read of a scope at a time;
    /// who waited for it gets the same page where that helps.
    pub async fn page(&self, epoch: Uuid, after: u64, log: &Log, people: &People) -> Result<Arc<Page>, ReadError> {
        let mut pages = self.pages.lock().await;
        if let Some(page) = pages.find(epoch, after, Instant::now()) {
            return Ok(page);
        }
        metrics::counter!("live_reads_total", "for" => "replay").increment(1);
        let (bounds, events) = log.read(self.scope, after).await?;
        let events = events.into_iter().zip(after + 1..).map_while(|(event, seq)| {
            (event.seq == seq).then_some((Cursor { epoch: bounds.epoch, scope: self.scope, seq }, event))
        });
        let mut entries = encode(people, events.collect()).await;
        cut(&mut entries);
        if entries.is_empty() && bounds.oldest <= after && bounds.epoch == epoch {
            return Err(ReadError::Nonsense("events are missing"));
        }
        let page = Arc::new(Page { epoch: bounds.epoch, after, entries, oldest: bounds.oldest });
        pages.keep(Arc::clone(&page), Instant::now());
        Ok(page)
    }

    /// Keeps the end of an event's trace for the first socket that has it.
    pub(super) fn trace(&self, entry: &Arc<Entry>, delivery: tracing::Span) {
        entry.set_delivery(delivery);
        self.traced.lock().unwrap_or_else(PoisonError::into_inner)[0].push(Arc::clone(entry));
    }

    /// Forgets pages that nobody came for, and ends traces that no socket ended. Called every now and then.
    pub fn tidy(&self, now: Instant) {
        if let Ok(mut pages) = self.pages.try_lock() {
            pages.tidy(now);
        }
        let mut traced = self.traced.lock().unwrap_or_else(PoisonError::into_inner);
        let [recent, before] = &mut *traced;
        for entry in std::mem::replace(before, std::mem::take(recent)) {
            drop(entry.take_delivery());
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page in hand is memory of its socket: no more than a ring's worth, but at least one event.
fn cut(entries: &mut Vec<Arc<Entry>>) {
    let mut bytes = 0;
    let fits = entries.iter().take_while(|entry| {
        bytes += entry.size();
        bytes <= MOST_BYTES
    });
    let fits = fits.count().max(1);
    entries.truncate(fits);
}

impl Shelf {
    fn find(&mut self, epoch: Uuid, after: u64, now: Instant) -> Option<Arc<Page>> {
        self.tidy(now);
        self.0.iter().map(|(_, page)| page).find(|page| page.continues(epoch, after)).cloned()
    }

    fn keep(&mut self, page: Arc<Page>, now: Instant) {
        if page.entries.is_empty() {
            return;
        }
        while self.0.len() >= MOST_PAGES {
            self.0.pop_front();
        }
        self.0.push_back((now, page));
    }

    fn tidy(&mut self, now: Instant) {
        self.0.retain(|(kept, _)| now.duration_since(*kept) < PAGES_KEPT);
    }
}

impl Attachment {
    /// About to look at the ring.
    pub fn looking(&self) {
        self.listener.looking();
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut listeners = self.feed.listeners();
        listeners.by_number.remove(&self.number);
        if listeners.by_number.is_empty() {
            listeners.idle_since = Some(Instant::now());
        }
    }
}
