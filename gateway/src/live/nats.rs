//! The fast path: core subscriptions on one shared connection, and the proof that the server knows of them.
//!
//! A subscription that was sent is not yet one that the server follows. Commands of one connection are done in order,
//! so a message to ourselves that was sent after it and has come back proves it. Nothing here is needed for an event
//! to arrive, only for it to arrive at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, Message, Subscriber, connection::State};
use futures_util::StreamExt;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use trellis_proto::subject;
use uuid::Uuid;

/// How often a message to ourselves is sent again, where it did not come back.
const AGAIN: Duration = Duration::from_millis(500);

/// The shared connection.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    inbox: String,
    /// The highest number that came back.
    back: watch::Receiver<u64>,
    sent: Arc<AtomicU64>,
}

impl Nats {
    pub fn start(client: Client, ended: CancellationToken) -> Self {
        let inbox = client.new_inbox();
        let (heard, back) = watch::channel(0);
        tokio::spawn(ended.run_until_cancelled_owned(listen(client.clone(), inbox.clone(), heard)));
        Self { client, inbox, back, sent: Arc::default() }
    }

    /// Follows a scope. Resolves when the server does, however long that takes.
    pub async fn follow(&self, scope: Uuid) -> Subscriber {
        loop {
            match self.client.subscribe(subject::of("project", scope)).await {
                Ok(messages) => {
                    self.round_trip().await;
                    return messages;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot subscribe");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Resolves when the server has done everything that this connection sent before.
    pub async fn round_trip(&self) {
        // Who counts later also sends later: a higher number that is back proves the lower ones.
        let number = self.sent.fetch_add(1, Ordering::AcqRel) + 1;
        let mut back = self.back.clone();
        loop {
            // While there is no connection, commands only pile up.
            if self.client.connection_state() == State::Connected {
                let sent = self.client.publish(self.inbox.clone(), number.to_string().into()).await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "cannot publish");
                }
            }
            let heard = timeout(AGAIN, back.wait_for(|heard| *heard >= number)).await.map(|heard| heard.is_ok());
            match heard {
                Ok(true) => return,
                // The listener has ended, and so does everything else.
                Ok(false) => std::future::pending().await,
                Err(_) => {}
            }
        }
    }

    /// Changes with each new connection, on which something may have been missed before.
    pub fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }
}

async fn listen(client: Client, inbox: String, heard: watch::Sender<u64>) {
    loop {
        match client.subscribe(inbox.clone()).await {
            Ok(mut messages) => {
                while let Some(message) = messages.next().await {
                    if let Some(number) = number(&message) {
                        heard.send_if_modified(|last| {
                            let newer = number > *last;
                            *last = number.max(*last);
                            newer
                        });
                    }
                }
                // The client was closed.
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot subscribe");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn number(message: &Message) -> Option<u64> {
    std::str::from_utf8(&message.payload).ok()?.parse().ok()
}
