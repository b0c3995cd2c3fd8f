//! The queue of writers: few hold a connection at once, a bounded number waits, and not for long.
//!
//! Waiting here instead of in the pool leaves connections for reads, and a crowd is refused at once, not after it
//! has piled up. Writers of one scope go one after the other anyway, by its row's lock: they get half of the places
//! at most, so that one hot project does not keep all the others waiting.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{LogError, waits::Waits};

/// More than these do not wait.
const MAX_WAITING: usize = 1024;
/// Of one scope: the rest is for the others.
const MAX_WAITING_OF_A_SCOPE: usize = MAX_WAITING / 4 * 3;
/// Who has not got a place after this is told to come again: its client gives up soon after. So long because a crowd
/// that comes at once (an import) is better served late than sent away.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Places for writers.
pub(crate) struct WriterQueue {
    places: Arc<Semaphore>,
    scopes: Arc<Scopes>,
    waiting: AtomicUsize,
}

/// A place, until it is dropped.
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    // After the place: who comes next in the scope finds it free.
    _of_scope: Option<PlaceOfScope>,
}

impl WriterQueue {
    pub(crate) fn new(places: usize) -> Self {
        metrics::describe_gauge!("trellis_writes_waiting", "Writes that wait for a database connection.");
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            scopes: Arc::new(Scopes { places: (places / 2).max(1), writing: Mutex::default() }),
            waiting: AtomicUsize::new(0),
        }
    }

    /// A place, in order of arrival among those of the scope; [`LogError::Busy`] where too many wait or it takes too
    /// long.
    pub(crate) async fn enter(&self, scope: Option<Uuid>) -> Result<Place, LogError> {
        let entered = async {
            let of_scope = match scope {
                Some(scope) => Some(self.scopes.enter(scope).await?),
                None => None,
            };
            // The semaphores are never closed.
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| LogError::Busy)?;
            Ok(Place { _place: place, _of_scope: of_scope })
        };
        let mut entered = pin!(entered);
        // Who finds a place free does not wait, and is not counted.
        tokio::select! {
            biased;
            entered = &mut entered => return entered,
            () = std::future::ready(()) => {}
        }
        let _waiter = Waiter::join(&self.waiting)?;
        tokio::time::timeout(MAX_WAIT, entered).await.unwrap_or(Err(LogError::Busy))
    }
}

/// The scopes that have writers, and no others.
struct Scopes {
    /// Of each: the rest is for the others.
    places: usize,
    writing: Mutex<HashMap<Uuid, Arc<Semaphore>>>,
}

impl Scopes {
    async fn enter(self: &Arc<Self>, scope: Uuid) -> Result<PlaceOfScope, LogError> {
        // Made before the wait, so that a wait that is cancelled is forgotten, too.
        let mut place = PlaceOfScope { scopes: Arc::clone(self), scope, permit: None };
        let semaphore = {
            let mut scopes = self.lock();
            let semaphore = scopes.entry(scope).or_insert_with(|| Semaphore::new(self.places).into());
            // Whoever is in or waits holds it once, and so does the map.
            if Arc::strong_count(semaphore) > MAX_WAITING_OF_A_SCOPE {
                return Err(LogError::Busy);
            }
            Arc::clone(semaphore)
        };
        place.permit = Some(semaphore.acquire_owned().await.map_err(|_| LogError::Busy)?);
        Ok(place)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<Semaphore>>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct PlaceOfScope {
    scopes: Arc<Scopes>,
    scope: Uuid,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for PlaceOfScope {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut scopes = self.scopes.lock();
        // Permits and those who wait for one hold it as well.
        if scopes.get(&self.scope).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            scopes.remove(&self.scope);
        }
    }
}

/// One that waits; counted until it is dropped, so that a cancelled wait is not counted for ever.
struct Waiter<'a> {
    waiting: &'a AtomicUsize,
    _shown: Waits,
}

impl<'a> Waiter<'a> {
    fn join(waiting: &'a AtomicUsize) -> Result<Self, LogError> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Self { waiting, _shown: Waits::at("trellis_writes_waiting") };
        if before >= MAX_WAITING { Err(LogError::Busy) } else { Ok(waiter) }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refuses_a_crowd_and_lets_in_by_order() {
        let queue = Arc::new(WriterQueue::new(1));
        let first = queue.enter(None).await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.enter(None).await.map(drop) })
            })
            .collect();
        while queue.waiting.load(Ordering::Relaxed) < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queue.enter(None).await, Err(LogError::Busy)));
        drop(first);
        for waiter in waiting {
            waiter.await.unwrap().unwrap();
        }
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_ever() {
        let queue = WriterQueue::new(1);
        let _held = queue.enter(None).await.unwrap();
        assert!(matches!(queue.enter(None).await, Err(LogError::Busy)));
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hot_scope_leaves_places_for_the_others() {
        let queue = WriterQueue::new(4);
        let (hot, other) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(queue.enter(hot).await.unwrap());
        }
        assert!(matches!(queue.enter(hot).await, Err(LogError::Busy)));
        drop(queue.enter(other).await.unwrap());
        held.pop();
        drop(queue.enter(hot).await.unwrap());
        held.push(queue.enter(hot).await.unwrap());

        let queue = Arc::new(queue);
        let crowd: Vec<_> = (0..2 * MAX_WAITING)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.enter(hot).await.map(drop) })
            })
            .collect();
        while queue.waiting.load(Ordering::Relaxed) < MAX_WAITING_OF_A_SCOPE - 2 {
            tokio::task::yield_now().await;
        }
        drop(queue.enter(other).await.unwrap());
        held.clear();
        for waiter in crowd {
            waiter.await.unwrap().ok();
        }
        assert!(queue.scopes.lock().is_empty(), "a scope without writers is forgotten");
    }
}
