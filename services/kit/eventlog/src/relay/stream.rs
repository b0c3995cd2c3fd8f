//! The JetStream stream that stores every context's events, and how the relay notices that it lost some.
//!
//! Only what nats-server 2.9 has is used.

use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream};
use chrono::{DateTime, Utc};
use trellis_proto::subject;
use uuid::Uuid;

/// How long the stream keeps events; what is older is not published again either.
pub(crate) const MAX_AGE: Duration = Duration::from_hours(7 * 24);
/// How long the stream remembers `Nats-Msg-Id`s.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

/// The stream as its acknowledgements told it, kept in `relay_stream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) created: DateTime<Utc>,
    pub(crate) last_seq: u64,
    /// The event at `last_seq`, another service's where it was only looked at; none where there is nothing yet.
    pub(crate) last_event: Option<Uuid>,
}

/// The stream as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) created: DateTime<Utc>,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// The event at the number that was asked for; none where there is no message.
    pub(crate) event: Option<Uuid>,
    /// The event at `last_seq`, of whichever service.
    pub(crate) last_event: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Never seen a stream before: everything is in the outbox still.
    First,
    Intact,
    /// Made anew, or a part of what was acknowledged is gone.
    Lost,
}

/// Whether all that was acknowledged is still there (or so old that it is no longer kept).
pub(crate) fn compare(remembered: Option<&Remembered>, observed: &Observed) -> Verdict {
    let Some(remembered) = remembered else {
        return Verdict::First;
    };
    if remembered.created != observed.created || observed.last_seq < remembered.last_seq {
        return Verdict::Lost;
    }
    // Long enough again, but with others' events where ours were: it lost its tail and grew on.
    let expired = remembered.last_seq < observed.first_seq;
    if remembered.last_event.is_some() && !expired && observed.event != remembered.last_event {
        return Verdict::Lost;
    }
    Verdict::Intact
}

/// Makes the stream where there is none, and looks what it has at a number.
pub(crate) async fn look(jetstream: &Context, at: Option<u64>) -> Result<Observed, async_nats::Error> {
    let stream = jetstream.get_or_create_stream(config()).await?;
    let info = stream.cached_info();
    let (first_seq, last_seq) = (info.state.first_sequence, info.state.last_sequence);
    let event = match at {
        Some(seq) if (first_seq..=last_seq).contains(&seq) => event_at(&stream, seq).await?,
        _ => None,
    };
    let last_event = match at {
        Some(seq) if seq == last_seq => event,
        _ if last_seq == 0 || last_seq < first_seq => None,
        _ => event_at(&stream, last_seq).await?,
    };
    Ok(Observed { created: micros(info.created), first_seq, last_seq, event, last_event })
}

/// Removes the older half: nobody of ours reads it, and without room nothing new is told by NATS, for as long as the
/// stream keeps what it has. The bound is the server's alone: a bound of the stream's own is refused by a server that has
/// less, and a server that begins with less free space than before does not restore it.
pub(crate) async fn make_room(jetstream: &Context) -> Result<u64, async_nats::Error> {
    let stream = jetstream.get_stream(subject::STREAM).await?;
    let messages = stream.cached_info().state.messages;
    Ok(stream.purge().keep(messages / 2).await?.purged)
}

async fn event_at(stream: &Stream, seq: u64) -> Result<Option<Uuid>, async_nats::Error> {
    match stream.get_raw_message(seq).await {
        Ok(message) => Ok(message.headers.get(NATS_MESSAGE_ID).and_then(|id| Uuid::parse_str(id.as_str()).ok())),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn config() -> Config {
    Config {
        name: subject::STREAM.to_owned(),
        subjects: vec!["trellis.>".to_owned()],
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_age: MAX_AGE,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: 1,
        // Zero would be taken for "none" by some servers.
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        description: Some("Events of all Trellis services, as their event logs have them".to_owned()),
        ..Config::default()
    }
}

/// As PostgreSQL keeps it.
fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Uuid = Uuid::from_u128(1);

    fn remembered() -> Remembered {
        Remembered { created: DateTime::UNIX_EPOCH, last_seq: 10, last_event: Some(EVENT) }
    }

    fn observed() -> Observed {
        Observed { created: DateTime::UNIX_EPOCH, first_seq: 1, last_seq: 12, event: Some(EVENT), last_event: None }
    }

    #[test]
    fn the_first_stream_is_only_remembered() {
        assert_eq!(compare(None, &observed()), Verdict::First);
    }

    #[test]
    fn growing_is_intact() {
        assert_eq!(compare(Some(&remembered()), &observed()), Verdict::Intact);
        let nothing_yet = Remembered { last_seq: 0, last_event: None, ..remembered() };
        assert_eq!(compare(Some(&nothing_yet), &Observed { event: None, ..observed() }), Verdict::Intact);
    }

    #[test]
    fn what_is_too_old_to_be_kept_is_no_loss() {
        let aged = Observed { first_seq: 11, event: None, ..observed() };
        assert_eq!(compare(Some(&remembered()), &aged), Verdict::Intact);
    }

    #[test]
    fn made_anew_shorter_or_regrown_is_lost() {
        let anew = Observed { created: DateTime::UNIX_EPOCH + Duration::from_secs(1), ..observed() };
        assert_eq!(compare(Some(&remembered()), &anew), Verdict::Lost);
        let shorter = Observed { last_seq: 9, event: None, ..observed() };
        assert_eq!(compare(Some(&remembered()), &shorter), Verdict::Lost);
        let regrown = Observed { event: Some(Uuid::from_u128(2)), ..observed() };
        assert_eq!(compare(Some(&remembered()), &regrown), Verdict::Lost);
        let gone = Observed { event: None, ..observed() };
        assert_eq!(compare(Some(&remembered()), &gone), Verdict::Lost);
    }
}
