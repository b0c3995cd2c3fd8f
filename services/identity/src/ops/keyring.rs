//! The keys that sign access tokens, as this process knows them. Replicas share them through the database.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER};
use trellis_eventlog::{Log, LogError, is_outage};
use uuid::Uuid;

use super::{now, rotate};
use crate::{
    domain::{self, AHEAD, SigningKey},
    error::Error,
    store::signing_keys,
};

/// A key is published 60 s before it signs: this is soon enough to hear of it.
const RELOAD: Duration = Duration::from_secs(5);
/// Between two tries to load them at the start.
const RETRY: Duration = Duration::from_millis(250);

pub struct Keyring {
    keys: RwLock<Keys>,
}

struct Keys {
    all: Vec<SigningKey>,
    /// When the database was asked for them.
    asked_at: Instant,
}

impl Keyring {
    /// Loads the keys; makes the first one, usable at once, where there is none. Of several processes that start
    /// together one makes it.
    pub async fn open(log: &Log) -> Result<Self, Error> {
        loop {
            let asked_at = Instant::now();
            match rotate::first_key(log).await {
                Ok(all) => return Ok(Self { keys: RwLock::new(Keys { all, asked_at }) }),
                Err(Error::Log(LogError::Database(error)) | Error::Database(error)) if is_outage(&error) => {
                    tracing::warn!(%error, "waiting for the database");
                    sleep(RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Keeps up with keys that are made or retired elsewhere.
    pub async fn keep_current(&self, log: &Log, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(sleep(RELOAD)).await.is_some() {
            if let Err(error) = self.reload(log).await {
                tracing::warn!(%error, "could not reload the signing keys, trying again");
            }
        }
    }

    async fn reload(&self, log: &Log) -> Result<(), sqlx::Error> {
        let asked_at = Instant::now();
        let mut conn = log.pool().acquire().await?;
        let all = signing_keys::all(&mut conn, now()).await?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys { all, asked_at };
        Ok(())
    }

    /// An access token of a session.
    pub fn sign(
        &self,
        user: Uuid,
        session: Uuid,
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<SecretString, Error> {
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: session,
            jti: Uuid::now_v7(),
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        // A newer one may have been made and come to its time since.
        if keys.asked_at.elapsed() > AHEAD {
            return Err(Error::KeysUnknown);
        }
        let key =
            domain::current(&keys.all, issued_at).ok_or_else(|| Error::Unexpected("no key may sign now".into()))?;
        claims.sign(&key.kid, key.seed()).map_err(|error| Error::Unexpected(format!("signing failed: {error}")))
    }
}
