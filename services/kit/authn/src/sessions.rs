//! Follows identity: the keys that verify tokens and the sessions that were ended, by push and by a pull every
//! 500 ms. Verifies access tokens against them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use trellis_proto::subject;
use uuid::Uuid;

use crate::{
    SessionSource, TokenError, User,
    feed::Feed,
    jwt::{self, PublicKey},
    session_feed::SessionPull,
    token::{self, Keys, Verified},
};

/// Verified tokens that are remembered.
const REMEMBERED: u64 = 50_000;
/// Ended sessions that a slow receiver may be behind.
const BACKLOG: usize = 1024;

/// Keys and ended sessions, kept current.
pub struct Sessions {
    /// `None`: the keys are fixed, nothing is followed.
    feed: Option<Arc<Feed>>,
    known: RwLock<Known>,
    verified: Cache<[u8; 32], Verified>,
    news: broadcast::Sender<Uuid>,
}

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) keys: Keys,
    /// Each ended session, and when its last token has expired (Unix seconds).
    pub(crate) ended: HashMap<Uuid, i64>,
}

impl Sessions {
    /// Starts following in the background, until `shutdown`. An event of the feed's subject on `nats` asks for a
    /// pull at once; `None` pulls only.
    pub fn follow<S: SessionSource>(
        source: S,
        nats: Option<async_nats::Client>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let feed = Feed::new("identity.sessions");
        let sessions = Arc::new(Self::new(Some(Arc::clone(&feed)), Known::default()));
        let pull = SessionPull::new(source, Arc::clone(&sessions));
        feed.start(pull, nats, subject::of("identity", subject::SESSIONS), shutdown);
        sessions
    }

    /// Verifies by these keys for ever and follows nothing: for tests. Keys that are no Ed25519 keys are left out.
    pub fn fixed(keys: impl IntoIterator<Item = (String, [u8; 32])>) -> Arc<Self> {
        let keys = keys.into_iter().filter_map(|(kid, raw)| Some((kid, Arc::new(PublicKey::new(&raw)?)))).collect();
        Arc::new(Self::new(None, Known { keys, ended: HashMap::new() }))
    }

    fn new(feed: Option<Arc<Feed>>, known: Known) -> Self {
        // Entries check their own time when they are read; idle ones only take room.
        let verified = Cache::builder().max_capacity(REMEMBERED).time_to_idle(Duration::from_mins(5)).build();
        Self { feed, known: RwLock::new(known), verified, news: broadcast::Sender::new(BACKLOG) }
    }

    /// Resolves when keys and ended sessions were loaded once.
    pub async fn loaded(&self) {
        if let Some(feed) = &self.feed {
            feed.loaded().await;
        }
    }

    /// Whether the feed was heard within the last 10 s.
    pub fn fresh(&self) -> bool {
        self.feed.as_ref().is_none_or(|feed| feed.fresh())
    }

    /// Verifies an access token: signature (cached by the token's SHA-256), times, revocation.
    pub fn verify(&self, token: &str) -> Result<User, TokenError> {
        self.verify_at(token, jwt::now())
    }

    pub(crate) fn verify_at(&self, token: &str, now: i64) -> Result<User, TokenError> {
        if !self.fresh() {
            return Err(TokenError::Unknown);
        }
        let digest = jwt::digest(token).ok_or(TokenError::Invalid)?;
        let verified = if let Some(verified) = self.verified.get(&digest) {
            verified
        } else {
            // Has the right type and names a key that we know, before anything dearer is done with it.
            let (kid, key) = token::key(token, &self.known().keys).ok_or(TokenError::Invalid)?;
            let verified = token::verify(token, kid, key).ok_or(TokenError::Invalid)?;
            self.verified.insert(digest, verified.clone());
            verified
        };
        let known = self.known();
        // The key must still be the one that verified it: a withdrawn key's tokens are void.
        if !known.keys.get(&verified.kid).is_some_and(|key| Arc::ptr_eq(key, &verified.key)) {
            return Err(TokenError::Invalid);
        }
        if !jwt::alive(verified.expires_at, now) {
            return Err(TokenError::Expired);
        }
        if known.ended.contains_key(&verified.session) {
            return Err(TokenError::Revoked);
        }
        drop(known);
        User::new(verified.user, verified.session, verified.expires_at, token)
    }

    /// Whether a session was ended.
    pub fn is_revoked(&self, session: Uuid) -> bool {
        self.known().ended.contains_key(&session)
    }

    /// Sessions as they are ended. A receiver that lags must ask `is_revoked` for each that it holds.
    pub fn revoked(&self) -> broadcast::Receiver<Uuid> {
        self.news.subscribe()
    }

    /// Ends a session here at once, for the process that has just ended it; the feed tells the others. `forget_at`:
    /// when its last access token expires.
    pub fn revoke(&self, session: Uuid, forget_at: DateTime<Utc>) {
        let news = self.known_mut().ended.insert(session, forget_at.timestamp()).is_none();
        self.announce(news.then_some(session));
    }

    /// The public keys, for `/.well-known/jwks.json`: `(kid, raw 32 bytes)`.
    pub fn keys(&self) -> Vec<(String, [u8; 32])> {
        let mut keys: Vec<_> = self.known().keys.iter().map(|(kid, key)| (kid.clone(), key.raw())).collect();
        keys.sort();
        keys
    }

    /// After the set knows them, so that who hears of one and asks is told the same.
    pub(crate) fn announce(&self, ended: impl IntoIterator<Item = Uuid>) {
        for session in ended {
            // An error says that nobody listens.
            let _ = self.news.send(session);
        }
    }

    pub(crate) fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
