//! A request body that can be had again after it was handed to the transport.
//!
//! A handler cannot run before its message is read, so a call whose body was never asked for was certainly not
//! served, and may be sent elsewhere whatever it does. What was read is kept besides (without a copy), for calls that
//! may be made twice.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use tonic::{Status, body::Body};

/// A longer message is not kept.
const LONGEST: usize = 1024 * 1024;

/// What the transport gets.
pub(crate) struct SentBody {
    kept: KeptBody,
    taken: Option<Body>,
}

/// What the caller keeps.
#[derive(Clone)]
pub(crate) struct KeptBody(Arc<Mutex<Slot>>);

struct Slot {
    /// `None`: the transport has begun to read it, or it was taken back.
    body: Option<Body>,
    /// What the transport has read. `None`: too much, or no mere message.
    read: Option<Vec<Bytes>>,
    ended: bool,
}

impl KeptBody {
    pub(crate) fn new(body: Body) -> (SentBody, Self) {
        let slot = Slot { body: Some(body), read: Some(Vec::new()), ended: false };
        let kept = Self(Arc::new(Mutex::new(slot)));
        (SentBody { kept: kept.clone(), taken: None }, kept)
    }

    /// The body, where the transport has not begun to read it; then it never will.
    pub(crate) fn take(&self) -> Option<Body> {
        self.lock().body.take()
    }

    /// The body, where the transport has not begun to read it for this long.
    pub(crate) async fn still_after(&self, patience: Duration) -> Option<Body> {
        tokio::time::sleep(patience).await;
        self.take()
    }

    /// The body once more, read or not.
    pub(crate) fn again(&self) -> Option<Body> {
        let mut slot = self.lock();
        if let Some(body) = slot.body.take() {
            return Some(body);
        }
        let read = slot.read.as_deref().filter(|_| slot.ended)?;
        let message = match read {
            [only] => only.clone(),
            several => several
                .iter()
                .fold(BytesMut::new(), |mut whole, part| {
                    whole.extend_from_slice(part);
                    whole
                })
                .freeze(),
        };
        Some(Body::new(Full::new(message)))
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        // Nothing panics under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn note(&mut self, frame: Option<&Frame<Bytes>>, last: bool) {
        self.ended |= last;
        if let Some(frame) = frame {
            let read: usize = self.read.iter().flatten().map(Bytes::len).sum();
            match (frame.data_ref(), &mut self.read) {
                (Some(data), Some(parts)) if read + data.len() <= LONGEST => parts.push(data.clone()),
                _ => self.read = None,
            }
        }
    }
}

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.taken.is_none() {
            this.taken = this.kept.take();
        }
        let Some(body) = &mut this.taken else {
            return Poll::Ready(Some(Err(Status::cancelled("the call was taken back"))));
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.kept.lock().note(Some(frame), body.is_end_stream()),
            Poll::Ready(None) => this.kept.lock().note(None, true),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.taken {
            Some(body) => body.is_end_stream(),
            // An empty body too can only be sent once it is taken.
            None => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.taken {
            Some(body) => body.size_hint(),
            None => self.kept.lock().body.as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Collected};

    use super::*;

    fn body() -> Body {
        Body::new(Full::from("message"))
    }

    async fn read<B: http_body::Body<Data = Bytes>>(body: B) -> Option<Bytes> {
        body.collect().await.map(Collected::to_bytes).ok()
    }

    #[tokio::test]
    async fn a_body_is_sent_or_taken_back_but_never_both() {
        let (sent, kept) = KeptBody::new(body());
        assert_eq!(read(sent).await.as_deref(), Some(&b"message"[..]));
        assert!(kept.take().is_none());

        let (sent, kept) = KeptBody::new(body());
        assert!(kept.take().is_some());
        assert!(read(sent).await.is_none());
    }

    #[tokio::test]
    async fn a_dropped_body_can_be_taken_back() {
        let (sent, kept) = KeptBody::new(body());
        drop(sent);
        assert!(kept.take().is_some());
    }

    #[tokio::test]
    async fn what_was_sent_can_be_had_again_as_often_as_one_likes() {
        let (sent, kept) = KeptBody::new(body());
        read(sent).await;
        for _ in 0..2 {
            let Some(again) = kept.again() else { panic!("it was sent whole") };
            assert_eq!(read(again).await.as_deref(), Some(&b"message"[..]));
        }
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_or_not_yet_read_is_not_kept() {
        let (sent, kept) = KeptBody::new(Body::new(Full::new(Bytes::from(vec![0; LONGEST + 1]))));
        read(sent).await;
        assert!(kept.again().is_none());

        let (mut sent, kept) = KeptBody::new(Body::new(http_body_util::StreamBody::new(futures_util::stream::iter([
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"half"))),
            Ok(Frame::data(Bytes::from_static(b" and half"))),
        ]))));
        assert!(sent.frame().await.is_some());
        assert!(kept.again().is_none(), "there may be more");
        read(sent).await;
        let Some(again) = kept.again() else { panic!("it was sent whole") };
        assert_eq!(read(again).await.as_deref(), Some(&b"half and half"[..]));
    }
}
