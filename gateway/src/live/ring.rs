//! The recent events of one scope: contiguous, bounded, each encoded once for all who listen.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use prost_types::Timestamp;
use trellis_proto::project::v1::ProjectEvent;
use uuid::Uuid;

use super::frames;
use crate::{cursor::Cursor, json::Person};

/// The most events of one scope that are kept.
pub const MOST_EVENTS: usize = 256;
/// The most bytes of events of one scope that are kept; one event is kept whatever its size.
pub const MOST_BYTES: usize = 1 << 20;
/// Spellings of topics whose finished frame is kept with an event; rarer ones are built for each socket.
const MOST_SPELLINGS: usize = 4;

/// What an event is about, for those who write it in a form of their own.
pub struct Happened {
    pub kind: Box<str>,
    /// `None`: no user did it.
    pub actor: Option<Person>,
    pub occurred_at: Option<Timestamp>,
    pub payload: ProjectEvent,
}

/// One event, encoded.
pub struct Entry {
    pub at: Cursor,
    /// The task that it is about, for topics of one task.
    subject: Option<Uuid>,
    /// The project is gone, and every task with it.
    last: bool,
    /// Unix microseconds.
    pub occurred_at: i64,
    /// The `event` object of its frames; empty where the event cannot be shown, which still takes its place in the order.
    event: Box<str>,
    happened: Option<Box<Happened>>,
    /// Bytes that it holds.
    size: usize,
    frames: Mutex<Vec<(Arc<str>, Utf8Bytes)>>,
    /// Ends with the first write to a socket: the end of the change's trace.
    delivery: Mutex<Option<tracing::Span>>,
    /// Whether there is one, for the many deliveries of events that nobody traces.
    traced: AtomicBool,
}

impl Entry {
    pub fn new(at: Cursor, subject: Option<Uuid>, occurred_at: i64, event: String) -> Self {
        Self {
            at,
            subject,
            last: false,
            occurred_at,
            size: event.len(),
            event: event.into_boxed_str(),
            happened: None,
            frames: Mutex::default(),
            delivery: Mutex::default(),
            traced: AtomicBool::new(false),
        }
    }

    /// The last event of its project: topics of its tasks carry it, too.
    #[must_use]
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// `size`: the bytes of its payload on the wire.
    #[must_use]
    pub fn about(mut self, happened: Happened, size: usize) -> Self {
        self.happened = Some(Box::new(happened));
        self.size += size;
        self
    }

    /// What it is about; always there where it is shown.
    pub fn happened(&self) -> Option<&Happened> {
        self.happened.as_deref()
    }

    /// The task that it is about.
    pub fn subject(&self) -> Option<Uuid> {
        self.subject
    }

    /// Whether a topic of that task (or of the whole project) carries it.
    pub fn concerns(&self, task: Option<Uuid>) -> bool {
        task.is_none_or(|task| self.last || self.subject == Some(task))
    }

    /// The span that ends when the first socket has this event.
    pub fn set_delivery(&self, span: tracing::Span) {
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = Some(span);
        self.traced.store(true, Ordering::Release);
    }

    /// The span, for the first who asks.
    pub fn take_delivery(&self) -> Option<tracing::Span> {
        if !self.traced.load(Ordering::Acquire) {
            return None;
        }
        self.traced.store(false, Ordering::Release);
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether there is anything to show.
    pub fn shown(&self) -> bool {
        !self.event.is_empty()
    }

    /// Bytes that it holds: the encoded event and its payload.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The whole frame for subscribers of that spelling of a topic, built once and shared.
    pub fn frame(&self, topic: &Arc<str>) -> Utf8Bytes {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = frames.iter().find(|(known, _)| Arc::ptr_eq(known, topic) || known == topic) {
            return frame.clone();
        }
        let frame = frames::event(topic, self.at, &self.event);
        if frames.len() < MOST_SPELLINGS {
            frames.push((Arc::clone(topic), frame.clone()));
        }
        frame
    }
}

/// Counts events that sockets were given, and how long after they happened.
pub fn delivered<'a>(entries: impl IntoIterator<Item = &'a Arc<Entry>>) {
    let now = chrono::Utc::now().timestamp_micros();
    let delay = metrics::histogram!("live_delivery_seconds");
    let mut count = 0;
    for entry in entries {
        count += 1;
        let micros = u64::try_from(now - entry.occurred_at).unwrap_or(0);
        delay.record(Duration::from_micros(micros).as_secs_f64());
        drop(entry.take_delivery());
    }
    metrics::counter!("live_deliveries_total").increment(count);
}

/// Every event of a scope with a number above `base`, up to the head.
pub struct Ring {
    epoch: Uuid,
    base: u64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Ring {
    /// Empty, behind `head`.
    pub fn new(epoch: Uuid, head: u64) -> Self {
        Self { epoch, base: head, entries: VecDeque::new(), bytes: 0 }
    }

    pub fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// The number before the first event that is here.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The number of the last event.
    pub fn head(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Adds the event that follows the head, and forgets the oldest that no longer fit.
    pub fn push(&mut self, entry: Arc<Entry>) {
        debug_assert_eq!(entry.at.seq, self.head() + 1, "the sequencer hands out in order");
        self.bytes += entry.size();
        self.entries.push_back(entry);
        while self.entries.len() > MOST_EVENTS || (self.bytes > MOST_BYTES && self.entries.len() > 1) {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.size();
                self.base += 1;
            }
        }
    }

    /// The events with a higher number than `position`, which must not be below the base.
    pub fn after(&self, position: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let skip = usize::try_from(position.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.entries.range(skip.min(self.entries.len())..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, size: usize) -> Arc<Entry> {
        let at = Cursor { epoch: Uuid::nil(), scope: Uuid::nil(), seq };
        Arc::new(Entry::new(at, None, 0, "x".repeat(size)))
    }

    fn seqs(ring: &Ring, position: u64) -> Vec<u64> {
        ring.after(position).map(|entry| entry.at.seq).collect()
    }

    #[test]
    fn it_gives_what_follows_a_position() {
        let mut ring = Ring::new(Uuid::nil(), 10);
        assert_eq!((ring.base(), ring.head()), (10, 10));
        for seq in 11..=13 {
            ring.push(entry(seq, 1));
        }
        assert_eq!(seqs(&ring, 10), [11, 12, 13]);
        assert_eq!(seqs(&ring, 12), [13]);
        assert_eq!(seqs(&ring, 13), [0; 0]);
        assert_eq!(seqs(&ring, 99), [0; 0]);
    }

    #[test]
    fn it_keeps_a_bounded_number() {
        let mut ring = Ring::new(Uuid::nil(), 0);
        for seq in 1..=300 {
            ring.push(entry(seq, 1));
        }
        assert_eq!((ring.base(), ring.head()), (300 - MOST_EVENTS as u64, 300));
    }

    #[test]
    fn it_keeps_bounded_bytes_but_always_the_last() {
        let mut ring = Ring::new(Uuid::nil(), 0);
        ring.push(entry(1, MOST_BYTES / 2));
        ring.push(entry(2, MOST_BYTES / 2));
        assert_eq!(ring.base(), 0);
        ring.push(entry(3, 1));
        assert_eq!(ring.base(), 1);
        ring.push(entry(4, MOST_BYTES * 2));
        assert_eq!((ring.base(), ring.head()), (3, 4));
    }

    #[test]
    fn the_payload_counts() {
        let mut ring = Ring::new(Uuid::nil(), 0);
        for seq in 1..=3 {
            let at = Cursor { epoch: Uuid::nil(), scope: Uuid::nil(), seq };
            let happened =
                Happened { kind: "k".into(), actor: None, occurred_at: None, payload: ProjectEvent::default() };
            ring.push(Arc::new(Entry::new(at, None, 0, "x".into()).about(happened, MOST_BYTES / 2)));
        }
        assert_eq!((ring.base(), ring.head()), (2, 3));
    }

    #[test]
    fn a_frame_is_built_once_for_each_spelling() {
        let entry = entry(1, 5);
        let topic: Arc<str> = "task:acme/WEB-1".into();
        let again: Arc<str> = "task:acme/WEB-1".into();
        assert_eq!(entry.frame(&topic).as_ptr(), entry.frame(&again).as_ptr());
        let other: Arc<str> = "task:acme/web-1".into();
        assert_ne!(entry.frame(&topic), entry.frame(&other));
    }
}
