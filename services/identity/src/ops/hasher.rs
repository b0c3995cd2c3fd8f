//! Hashing passwords without starving everything else: as many at once as there are cores, a bounded number waits,
//! the rest is refused.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Semaphore;
use tracing::Span;

use crate::{
    domain::{self, NewPassword, Verified},
    error::Error,
};

/// At about 30 ms each, who comes last waits for about 2 s.
const WAITING_PER_CORE: usize = 64;

pub struct Hasher {
    cores: Arc<Semaphore>,
    /// Those who hash and those who wait.
    admitted: Semaphore,
    dummy: Arc<str>,
}

impl Hasher {
    /// Hashes once, for the dummy.
    pub fn new() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_room(cores, cores * WAITING_PER_CORE)
    }

    fn with_room(cores: usize, waiting: usize) -> Result<Self, Error> {
        let dummy = domain::dummy_hash().map_err(|error| Error::Unexpected(error.to_string()))?;
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            admitted: Semaphore::new(cores + waiting),
            dummy: dummy.into(),
        })
    }

    pub async fn hash(&self, password: &NewPassword) -> Result<String, Error> {
        let password = password.secret().clone();
        self.run(move || domain::hash(&password)).await
    }

    /// The same password under today's parameters.
    pub async fn rehash(&self, password: &SecretString) -> Result<String, Error> {
        let password = password.clone();
        self.run(move || domain::hash(&password)).await
    }

    /// Without a hash to compare with it takes as long, and never matches.
    pub async fn verify(&self, password: &SecretString, hash: Option<&str>) -> Result<Verified, Error> {
        let known = hash.is_some();
        let (password, hash) = (password.clone(), hash.map_or_else(|| Arc::clone(&self.dummy), Arc::from));
        let verified = self.run(move || domain::verify(&password, &hash)).await?;
        Ok(Verified { matches: verified.matches && known, ..verified })
    }

    async fn run<T, E>(&self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Error>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let _admitted = self.admitted.try_acquire().map_err(|_| Error::Crowded)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Error::Crowded)?;
        let span = Span::current();
        let done = tokio::task::spawn_blocking(move || {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_crowd_is_refused_and_the_rest_is_served() {
        let hasher = Hasher::with_room(1, 2).unwrap();
        let password = SecretString::from("correct horse battery");
        let all = join_all((0..6).map(|_| hasher.verify(&password, None))).await;
        let served = all.iter().filter(|result| result.is_ok()).count();
        assert_eq!(served, 3);
        assert!(all.iter().all(|result| matches!(result, Ok(Verified { matches: false, .. }) | Err(Error::Crowded))));
        assert!(hasher.verify(&password, None).await.is_ok());
    }
}
