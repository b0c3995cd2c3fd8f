//! The queue of writers: few hold a connection at once, a bounded number waits, and not for long.
//!
//! Waiting here instead of in the pool leaves connections for reads, and a crowd is refused at once, not after it
//! has piled up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::LogError;

/// More than these do not wait.
const MAX_WAITING: usize = 1024;
/// Who has not got a place after this is told to come again: its client gives up at about this time too.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Places for writers.
pub(crate) struct WriterQueue {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl WriterQueue {
    pub(crate) fn new(places: usize) -> Self {
        metrics::describe_gauge!("trellis_writes_waiting", "Writes that wait for a database connection.");
        Self { places: Arc::new(Semaphore::new(places.max(1))), waiting: AtomicUsize::new(0) }
    }

    /// A place, in order of arrival; [`LogError::Busy`] where too many wait or it takes too long.
    pub(crate) async fn enter(&self) -> Result<Place, LogError> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waiter = Waiter::join(&self.waiting)?;
        match tokio::time::timeout(MAX_WAIT, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed; a timeout is the ordinary reason.
            Ok(Err(_)) | Err(_) => Err(LogError::Busy),
        }
    }
}

/// One that waits; counted until it is dropped, so that a cancelled wait is not counted for ever.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn join(waiting: &'a AtomicUsize) -> Result<Self, LogError> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Self(waiting);
        metrics::gauge!("trellis_writes_waiting").increment(1.0);
        if before >= MAX_WAITING { Err(LogError::Busy) } else { Ok(waiter) }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("trellis_writes_waiting").decrement(1.0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refuses_a_crowd_and_lets_in_by_order() {
        let queue = Arc::new(WriterQueue::new(1));
        let first = queue.enter().await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.enter().await.map(drop) })
            })
            .collect();
        while queue.waiting.load(Ordering::Relaxed) < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queue.enter().await, Err(LogError::Busy)));
        drop(first);
        for waiter in waiting {
            waiter.await.unwrap().unwrap();
        }
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_ever() {
        let queue = WriterQueue::new(1);
        let _held = queue.enter().await.unwrap();
        assert!(matches!(queue.enter().await, Err(LogError::Busy)));
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }
}
