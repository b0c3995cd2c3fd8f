//! One connection: a task that hears its client, its feeds and what ends its rights, and writes in batches.

use std::{collections::VecDeque, convert::Infallible, future::ready, sync::Arc};

use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesOrdered, FuturesUnordered},
};
use trellis_authn::User;

use super::{
    connection::Connection,
    follow::or_never,
    hub::Hub,
    mailbox::Slot,
    protocol::Ending,
    requests::Answer,
    rights::Checked,
    ring,
    subscription::{Budget, Page},
    subscriptions::{Outgoing, Subscriptions},
    wire::Wire,
};

/// What is taken before it is written. Small enough that a slow line finishes a batch in time.
const BATCH: Budget = Budget { frames: 256, bytes: 256 * 1024 };
/// Requests of one socket that are being answered; the next one is not read until there is room.
const PIPELINE: usize = 16;
/// A signed-in connection.
pub struct Socket {
    pub(super) hub: Hub,
    pub(super) user: User,
    pub(super) connection: Connection,
    pub(super) subscriptions: Subscriptions,
    pub(super) out: VecDeque<Outgoing>,
    /// Answers in the order of their requests.
    pub(super) answers: FuturesOrdered<BoxFuture<'static, Answer>>,
    pub(super) checks: FuturesUnordered<BoxFuture<'static, Checked>>,
    /// How often everything had to be checked; an older check no longer counts.
    pub(super) round: u64,
    reading: Option<BoxFuture<'static, (Slot, Arc<Page>)>>,
    wire: Wire,
}

impl Socket {
    pub fn new(hub: Hub, user: User, wire: Wire, connection: Connection) -> Self {
        Self {
            hub,
            user,
            connection,
            subscriptions: Subscriptions::default(),
            out: VecDeque::new(),
            answers: FuturesOrdered::new(),
            checks: FuturesUnordered::new(),
            round: 0,
            reading: None,
            wire,
        }
    }

    /// Serves until the end, and says why to the client.
    pub async fn run(mut self) {
        let Err(ending) = self.serve().await;
        tracing::debug!(user = %self.user.id, ?ending, "a live socket ends");
        let Self { wire, .. } = self;
        wire.close(ending.close()).await;
    }

    async fn serve(&mut self) -> Result<Infallible, Ending> {
        loop {
            self.subscriptions.fill(BATCH, &mut self.out);
            self.write().await?;
            self.begin_read();
            let busy = self.subscriptions.busy();
            tokio::select! {
                biased;
                told = self.connection.next() => self.told(told?),
                Some(answer) = self.answers.next() => self.answer(answer),
                Some(checked) = self.checks.next() => self.checked(checked),
                (slot, page) = or_never(&mut self.reading) => self.subscriptions.hand(slot, page),
                () = self.subscriptions.woken() => {}
                message = self.wire.next(), if self.answers.len() < PIPELINE => self.hear(message?)?,
                () = ready(()), if busy => {}
            }
        }
    }

    /// Writes what is there, together. What ends an access meanwhile takes its frames away.
    async fn write(&mut self) -> Result<(), Ending> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut delivered = Vec::new();
        while !self.out.is_empty() {
            tokio::select! {
                biased;
                told = self.connection.rights() => {
                    self.told(told?);
                    continue;
                }
                ready = self.wire.ready() => ready?,
            }
            if let Some(outgoing) = self.out.pop_front()
                && !outgoing.is_forgotten()
            {
                self.wire.put(outgoing.message)?;
                delivered.extend(outgoing.live);
            }
        }
        loop {
            tokio::select! {
                biased;
                told = self.connection.rights() => self.told(told?),
                flushed = self.wire.flush() => break flushed?,
            }
        }
        if !delivered.is_empty() {
            ring::delivered(&delivered);
        }
        Ok(())
    }

    fn begin_read(&mut self) {
        if self.reading.is_none()
            && let Some((slot, wanted)) = self.subscriptions.wanted()
        {
            let hub = self.hub.clone();
            let read = async move { (slot, hub.page(wanted).await) };
            self.reading = Some(read.boxed());
        }
    }

    pub(super) fn say(&mut self, frame: Utf8Bytes) {
        self.out.push_back(Outgoing::word(None, Message::Text(frame)));
    }

    pub(super) fn tick(&mut self, ping: bool) {
        self.subscriptions.positions(self.hub.limits.quiet, &mut self.out);
        if ping {
            let message = Message::Ping(bytes::Bytes::new());
            self.out.push_back(Outgoing::word(None, message));
        }
    }
}
