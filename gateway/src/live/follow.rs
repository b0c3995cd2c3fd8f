//! Keeps one feed current: hears NATS, repairs holes from the service, encodes, and hands to the ring.

use std::{future::pending, sync::Arc};

use async_nats::{Message, Subscriber};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use prost::Message as _;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use trellis_proto::event::v1::Event;
use uuid::Uuid;

use super::{
    encode::encode,
    feed::Feed,
    log::{Log, ReadError},
    nats::Nats,
    sequencer::{Bounds, Next, Sequencer},
};
use crate::{cursor::Cursor, people::People};

/// Messages that are taken together, where they are there.
const TOGETHER: usize = 256;

type Answer = Result<(Bounds, Vec<Event>), ReadError>;

/// The task of one feed.
pub struct Follow {
    pub feed: Arc<Feed>,
    pub heads: mpsc::Receiver<(Uuid, u64)>,
    pub log: Log,
    pub people: People,
    pub nats: Option<Nats>,
}

struct Following {
    feed: Arc<Feed>,
    log: Log,
    people: People,
    sequencer: Sequencer<Event>,
    reading: Option<BoxFuture<'static, Answer>>,
    /// Whether the last read failed; said once.
    failing: bool,
}

impl Follow {
    /// Runs until the feed is stopped.
    pub async fn run(self) {
        let stop = self.feed.stop.clone();
        stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(self) {
        let Self { feed, mut heads, log, people, nats } = self;
        let scope = feed.scope;
        let (epoch, head) = feed.with_ring(|ring| (ring.epoch(), ring.head()));
        let sequencer = Sequencer::new(epoch, head);
        let mut joining = nats.map(|nats| async move { nats.follow(scope).await }.boxed());
        let mut messages: Option<Subscriber> = None;
        let mut following = Following { feed, log, people, sequencer, reading: None, failing: false };
        loop {
            let wake = following.next();
            tokio::select! {
                biased;
                answer = or_never(&mut following.reading) => following.read(answer),
                Some((epoch, head)) = heads.recv() => following.head_is(epoch, head),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                joined = or_never(&mut joining) => {
                    messages = Some(joined);
                    // What came before the server knew of us.
                    following.sequencer.doubt();
                }
                message = next(&mut messages) => match message {
                    Some(message) => {
                        following.hear(&message);
                        let more = messages.iter_mut().flat_map(|m| std::iter::from_fn(|| m.next().now_or_never()?));
                        more.take(TOGETHER).for_each(|message| following.hear(&message));
                    }
                    // The client was closed; heads are still told.
                    None => messages = None,
                },
            }
            following.publish().await;
        }
    }
}

impl Following {
    /// Begins a read where one is due; otherwise says when to look again.
    fn next(&mut self) -> Option<Instant> {
        match self.sequencer.next(Instant::now()) {
            Next::Rest => None,
            Next::At(then) => Some(then),
            Next::Read { after } => {
                metrics::counter!("live_reads_total", "for" => "repair").increment(1);
                let (log, scope) = (self.log.clone(), self.feed.scope);
                self.reading = Some(async move { log.read(scope, after).await }.boxed());
                None
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        let Ok(event) = Event::decode(message.payload.clone()) else {
            tracing::warn!(scope = %self.feed.scope, "a message is no event");
            return;
        };
        if event.scope.parse() == Ok(self.feed.scope)
            && let Ok(epoch) = event.epoch.parse()
        {
            self.sequencer.offer(Instant::now(), epoch, event.seq, event);
        }
    }

    fn head_is(&mut self, epoch: Uuid, head: u64) {
        if self.sequencer.head_is(Instant::now(), epoch, head) {
            self.restart();
        }
    }

    fn read(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Ok((bounds, events)) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(scope = %self.feed.scope, "events can be read again");
                }
                if self.sequencer.read(now, bounds, events.into_iter().map(|event| (event.seq, event))) {
                    self.restart();
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(scope = %self.feed.scope, %error, "events cannot be read; trying again");
                }
                self.sequencer.read_failed(now);
            }
        }
    }

    fn restart(&self) {
        let (epoch, head) = (self.sequencer.epoch(), self.sequencer.head());
        tracing::warn!(scope = %self.feed.scope, %epoch, head, "the order begins anew");
        self.feed.restart(epoch, head);
    }

    async fn publish(&mut self) {
        let epoch = self.sequencer.epoch();
        let events = self.sequencer.take(Instant::now());
        if events.is_empty() {
            return;
        }
        let scope = self.feed.scope;
        let mut spans = Vec::with_capacity(events.len());
        let events = events
            .into_iter()
            .map(|event| {
                spans.push(delivery(&event));
                (Cursor { epoch, scope, seq: event.seq }, event)
            })
            .collect();
        let entries = encode(&self.people, events).await;
        for (entry, span) in entries.iter().zip(spans) {
            if let Some(span) = span {
                self.feed.trace(entry, span);
            }
        }
        self.feed.push(entries);
    }
}

/// The last part of the trace of a change, where that is recorded: from here to the first socket.
fn delivery(event: &Event) -> Option<tracing::Span> {
    let sampled = event.traceparent.rsplit('-').next().is_some_and(|flags| flags.ends_with(['1', '3']));
    sampled.then(|| {
        let span = tracing::info_span!("live.deliver", kind = %event.kind, seq = event.seq);
        trellis_telemetry::continue_from(&span, &event.traceparent);
        span
    })
}

/// What the future gives, once; for ever pending where there is none.
pub(super) async fn or_never<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(running) => {
            let value = running.await;
            *future = None;
            value
        }
        None => pending().await,
    }
}

async fn next(messages: &mut Option<Subscriber>) -> Option<Message> {
    match messages {
        Some(messages) => messages.next().await,
        None => pending().await,
    }
}
