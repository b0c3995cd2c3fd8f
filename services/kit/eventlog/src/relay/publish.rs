//! Publishing one event, until JetStream says that it is stored.

use std::error::Error as _;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use tracing::Instrument as _;
use trellis_proto::subject;
use uuid::Uuid;

/// What is published of an outbox row.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) event: Uuid,
    pub(crate) kind: String,
    /// The change's trace, which goes on to whoever hears of it.
    pub(crate) traceparent: String,
    /// An encoded `trellis.event.v1.Event`.
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// In the stream, at this number; `again` where the stream knew it already.
    Stored {
        seq: u64,
        again: bool,
    },
    /// No stream has the subject.
    NoStream,
    /// Larger than the server accepts, now and always.
    TooLarge,
    /// The server's limits leave no room for it, and with them alone will not.
    Full,
    Failed(String),
}

/// Publishes and awaits the acknowledgement, both within the context's timeout.
pub(crate) async fn publish(jetstream: &Context, subject: String, message: Message) -> Outcome {
    let span = if message.traceparent.is_empty() {
        tracing::Span::none()
    } else {
        let span = tracing::info_span!("publish", otel.kind = "producer", event = %message.event, kind = message.kind);
        trellis_telemetry::continue_from(&span, &message.traceparent);
        span
    };
    async {
        let mut publish = PublishMessage::build()
            .payload(message.body)
            .message_id(message.event.to_string())
            .expected_stream(subject::STREAM);
        if !message.traceparent.is_empty() {
            publish = publish.header("traceparent", message.traceparent.as_str());
        }
        let stored = async { jetstream.send_publish(subject, publish).await?.await };
        match stored.await {
            Ok(ack) => Outcome::Stored { seq: ack.sequence, again: ack.duplicate },
            Err(error) => match error.kind() {
                PublishErrorKind::StreamNotFound => Outcome::NoStream,
                PublishErrorKind::MaxPayloadExceeded => Outcome::TooLarge,
                _ if is_full(&error) => Outcome::Full,
                _ => Outcome::Failed(error.to_string()),
            },
        }
    }
    .instrument(span)
    .await
}

fn is_full(error: &PublishError) -> bool {
    let code =
        error.source().and_then(|source| source.downcast_ref::<jetstream::Error>()).map(jetstream::Error::error_code);
    matches!(
        code,
        Some(
            ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        )
    )
}
