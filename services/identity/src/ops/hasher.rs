//! Hashing passwords without starving everything else: as many at once as there are cores, a bounded number waits in
//! order of arrival, the rest is refused. One address takes at most three quarters of the room, so that a flood from
//! there leaves the others some.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use secrecy::SecretString;
use tokio::{
    runtime::{self, Runtime},
    sync::Semaphore,
    task::JoinHandle,
};
use tracing::Span;
use trellis_authn::Network;

use crate::{
    domain::{self, NewPassword, Verified},
    error::Error,
};

/// At about 30 ms each, who comes last waits for about 2 s.
const WAITING_PER_CORE: usize = 64;

pub struct Hasher {
    cores: Arc<Semaphore>,
    workers: Workers,
    room: Room,
    dummy: Arc<str>,
}

impl Hasher {
    /// Hashes once, for the dummy.
    pub fn new() -> Result<Self, Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_room(cores, cores * WAITING_PER_CORE)
    }

    fn with_room(cores: usize, waiting: usize) -> Result<Self, Error> {
        // On a thread of its own, which ends with the memory that it needed.
        let dummy = thread::spawn(domain::dummy_hash).join().map_err(|_| Error::Unexpected("no dummy hash".into()))?;
        let dummy = dummy.map_err(|error| Error::Unexpected(error.to_string()))?;
        let workers = Workers::new(cores).map_err(|error| Error::Unexpected(error.to_string()))?;
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            workers,
            room: Room::of(cores + waiting),
            dummy: dummy.into(),
        })
    }

    /// A place in the queue. Taken before anything else is done for whoever shows a password: who is sent away has cost
    /// nothing, no connection to the database either, which everybody else needs.
    pub fn admit(&self, source: Network) -> Result<Place<'_>, Error> {
        self.room.enter(source)
    }

    pub async fn hash(&self, place: &Place<'_>, password: &NewPassword) -> Result<String, Error> {
        let password = password.secret().clone();
        self.run(place, move || domain::hash(&password)).await
    }

    /// The same password under today's parameters.
    pub async fn rehash(&self, place: &Place<'_>, password: &SecretString) -> Result<String, Error> {
        let password = password.clone();
        self.run(place, move || domain::hash(&password)).await
    }

    /// Without a hash to compare with it takes as long, and never matches.
    pub async fn verify(
        &self,
        place: &Place<'_>,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<Verified, Error> {
        let known = hash.is_some();
        let (password, hash) = (password.clone(), hash.map_or_else(|| Arc::clone(&self.dummy), Arc::from));
        let verified = self.run(place, move || domain::verify(&password, &hash)).await?;
        Ok(Verified { matches: verified.matches && known, ..verified })
    }

    async fn run<T, E>(
        &self,
        _place: &Place<'_>,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Error::Crowded)?;
        let span = Span::current();
        let done = self.workers.spawn(move || {
            let _entered = span.enter();
            // Given back when the work is done, also where nobody waits for it any more.
            let _core = core;
            work()
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Error::Unexpected(format!("password hashing failed: {error}"))),
            Err(error) => Err(Error::Unexpected(format!("password hashing was broken off: {error}"))),
        }
    }
}

/// As many threads as hash at once, and always the same ones: each keeps the memory that a hash needs (19 MiB), and of
/// tokio's threads for blocking work there may be hundreds.
struct Workers(Option<Runtime>);

impl Workers {
    fn new(threads: usize) -> io::Result<Self> {
        Ok(Self(Some(runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("hasher").build()?)))
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let runtime = self.0.as_ref().expect("taken by nobody but drop");
        runtime.spawn(async move { work() })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The last owner may be a task, which must not wait for threads.
            runtime.shutdown_background();
        }
    }
}

/// Those who hash and those who wait.
struct Room {
    places: usize,
    /// Of one source.
    share: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Has only those who are in: no longer than there are places.
    by_source: HashMap<Network, usize>,
}

impl Room {
    fn of(places: usize) -> Self {
        Self { places, share: (places * 3).div_ceil(4), taken: Mutex::default() }
    }

    fn enter(&self, source: Network) -> Result<Place<'_>, Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_source.get(&source).copied().unwrap_or_default();
        if taken.all >= self.places || own >= self.share {
            return Err(Error::Crowded);
        }
        taken.all += 1;
        taken.by_source.insert(source, own + 1);
        Ok(Place { room: self, source })
    }
}

/// Given up when it is dropped, also by who goes away before it is their turn.
pub struct Place<'a> {
    room: &'a Room,
    source: Network,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(own) = taken.by_source.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::IpAddr;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_crowd_is_refused_and_the_rest_is_served() {
        let hasher = Hasher::with_room(1, 2).unwrap();
        let password = SecretString::from("correct horse battery");
        let from = |i: u8| Network::from(IpAddr::from([192, 0, 2, i]));
        let verify = async |i| {
            let place = hasher.admit(from(i))?;
            hasher.verify(&place, &password, None).await
        };
        let all = join_all((0..6).map(&verify)).await;
        let served = all.iter().filter(|result| result.is_ok()).count();
        assert_eq!(served, 3);
        assert!(all.iter().all(|result| matches!(result, Ok(Verified { matches: false, .. }) | Err(Error::Crowded))));
        assert!(verify(1).await.is_ok());
    }

    #[test]
    fn a_flood_from_one_address_leaves_room_for_others() {
        let room = Room::of(8);
        let [flood, other] = [1, 2].map(|i| Network::from(IpAddr::from([192, 0, 2, i])));
        let mut places: Vec<_> = (0..20).filter_map(|_| room.enter(flood).ok()).collect();
        assert_eq!(places.len(), 6, "three quarters");
        let others: Vec<_> = (0..20).filter_map(|_| room.enter(other).ok()).collect();
        assert_eq!(others.len(), 2, "the rest");
        // Whoever leaves makes room, and nothing is remembered of who is gone.
        places.pop();
        assert!(room.enter(flood).is_ok());
        drop((places, others));
        assert!(room.taken.lock().unwrap().by_source.is_empty());
        assert_eq!(room.taken.lock().unwrap().all, 0);
    }
}
