//! Loads run in the task of their operation, each time that the operation itself can go no further.
//!
//! By then every row has said what it needs, so that one call serves them all: not almost always, as it would be with
//! loads that wait a little in a task of their own, but whatever else the machine does. A client that goes away takes
//! its loads along.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{
    Stream,
    future::{BoxFuture, poll_fn},
    stream::{self, FuturesUnordered},
    task::AtomicWaker,
};
use tokio::sync::mpsc::UnboundedReceiver;

/// The loads of one operation.
pub struct Loads {
    begun: UnboundedReceiver<BoxFuture<'static, ()>>,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
    signal: Arc<Signal>,
}

/// Whether the operation wants to go on. It stops for breath in the midst of its rows (`FuturesUnordered` does), which
/// must not be taken for waiting.
#[derive(Default)]
struct Signal {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

impl Loads {
    pub(super) fn new(begun: UnboundedReceiver<BoxFuture<'static, ()>>) -> Self {
        Self { begun, running: FuturesUnordered::new(), signal: Arc::default() }
    }

    /// Runs the operation to its end.
    pub async fn drive<F: Future>(mut self, operation: F) -> F::Output {
        let mut operation = Box::pin(operation);
        poll_fn(|cx| self.poll(cx, |cx| operation.as_mut().poll(cx))).await
    }

    /// As `drive`, for operations that answer again and again.
    pub fn drive_stream<S: Stream>(mut self, operation: S) -> impl Stream<Item = S::Item> {
        let mut operation = Box::pin(operation);
        stream::poll_fn(move |cx| self.poll(cx, |cx| operation.as_mut().poll_next(cx)))
    }

    fn poll<T>(&mut self, cx: &mut Context<'_>, mut operation: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.signal.task.register(cx.waker());
        self.signal.woken.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.signal));
        let output = operation(&mut Context::from_waker(&waker));
        // Woken, it is asked again at once.
        if output.is_pending() && !self.signal.woken.load(Ordering::SeqCst) {
            while let Poll::Ready(Some(load)) = self.begun.poll_recv(cx) {
                self.running.push(load);
            }
            // What a load gives wakes whoever waits for it.
            while let Poll::Ready(Some(())) = Pin::new(&mut self.running).poll_next(cx) {}
        }
        output
    }
}
