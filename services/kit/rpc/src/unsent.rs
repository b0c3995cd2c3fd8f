//! A request body that can be taken back until the transport reads it.
//!
//! A handler cannot run before its message is read, so a call whose body was never asked for was certainly not
//! served, and may be sent elsewhere. That holds for every kind of failure, and nothing is copied.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

type Slot = Arc<Mutex<Option<Body>>>;

/// What the transport gets.
pub(crate) struct UnsentBody {
    slot: Slot,
    taken: Option<Body>,
}

/// What the caller keeps.
pub(crate) struct Unsent(Slot);

impl UnsentBody {
    pub(crate) fn new(body: Body) -> (Self, Unsent) {
        let slot = Arc::new(Mutex::new(Some(body)));
        let unsent = Unsent(slot.clone());
        (Self { slot, taken: None }, unsent)
    }
}

impl Unsent {
    /// The body, where the transport has not begun to read it; then it never will.
    pub(crate) fn take(&self) -> Option<Body> {
        lock(&self.0).take()
    }

    /// The body, where the transport has not begun to read it for this long.
    pub(crate) async fn still_after(&self, patience: Duration) -> Option<Body> {
        tokio::time::sleep(patience).await;
        self.take()
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Body>> {
    // Nothing panics under the lock.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for UnsentBody {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = &mut *self;
        if this.taken.is_none() {
            this.taken = lock(&this.slot).take();
        }
        match &mut this.taken {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(Status::cancelled("the call was taken back")))),
        }
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
            None => lock(&self.slot).as_ref().map_or_else(SizeHint::default, Body::size_hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Collected, Full};

    use super::*;

    fn body() -> Body {
        Body::new(Full::from("message"))
    }

    #[tokio::test]
    async fn a_body_is_sent_or_taken_back_but_never_both() {
        let (sent, unsent) = UnsentBody::new(body());
        let sent = sent.collect().await.map(Collected::to_bytes);
        assert_eq!(sent.ok().as_deref(), Some(&b"message"[..]));
        assert!(unsent.take().is_none());

        let (sent, unsent) = UnsentBody::new(body());
        assert!(unsent.take().is_some());
        assert!(sent.collect().await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_body_can_be_taken_back() {
        let (sent, unsent) = UnsentBody::new(body());
        drop(sent);
        assert!(unsent.take().is_some());
    }
}
