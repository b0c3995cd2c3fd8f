//! JetStream as the relay's broker.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;

use super::publish::{self, Message, Outcome};
use super::sides::Broker;
use super::stream::{self, Observed};

/// How long JetStream may take to acknowledge.
pub(crate) const ACK: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct JetStream(Context);

impl JetStream {
    pub(crate) fn new(nats: async_nats::Client) -> Self {
        Self(ContextBuilder::new().timeout(ACK).ack_timeout(ACK).build(nats))
    }
}

impl Broker for JetStream {
    fn connection(&self) -> Option<u64> {
        let client = self.0.client();
        let connected = client.connection_state() == State::Connected;
        connected.then(|| client.statistics().connects.load(Ordering::Relaxed))
    }

    async fn publish(&self, subject: String, message: Message) -> Outcome {
        publish::publish(&self.0, subject, message).await
    }

    async fn make_room(&self) -> Result<u64, async_nats::Error> {
        stream::make_room(&self.0).await
    }

    async fn look(&self, at: Option<u64>) -> Result<Observed, async_nats::Error> {
        stream::look(&self.0, at).await
    }
}
