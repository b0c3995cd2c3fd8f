//! What a handler leaves unread of a body is read a little longer, so that a client that is still sending gets its
//! answer instead of a broken connection.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

const AT_MOST: usize = 4 * 1024 * 1024;
const NO_LONGER_THAN: Duration = Duration::from_secs(2);

/// Where a body comes back to when its reader lets go of it.
#[derive(Clone, Default)]
pub struct Leftover(Arc<Mutex<Option<Body>>>);

impl Leftover {
    /// The body as a handler gets it.
    pub fn watch(&self, body: Body) -> Body {
        Body::new(Watched { body, ended: false, leftover: self.clone() })
    }

    /// Reads on in the background, while the answer is already on its way.
    pub fn drain(self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut body) = left {
            tokio::spawn(tokio::time::timeout(NO_LONGER_THAN, async move {
                let mut read = 0;
                while let Some(Ok(frame)) = body.frame().await {
                    read += frame.data_ref().map_or(0, Bytes::len);
                    if read > AT_MOST {
                        break;
                    }
                }
            }));
        }
    }
}

struct Watched {
    body: Body,
    ended: bool,
    leftover: Leftover,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            let body = std::mem::take(&mut self.body);
            *self.leftover.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
