//! The keys that sign access tokens, as this process knows them. Replicas share them through the database.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use trellis_authn::{AUDIENCE, AccessClaims, ISSUER};
use trellis_eventlog::Log;
use uuid::Uuid;

use super::now;
use crate::{
    domain::{self, SigningKey},
    error::Error,
    store::signing_keys,
};

/// A key is published 60 s before it signs: this is soon enough to hear of it.
const RELOAD: Duration = Duration::from_secs(5);

pub struct Keyring {
    keys: RwLock<Vec<SigningKey>>,
}

impl Keyring {
    /// Loads the keys; makes the first one, usable at once, where there is none. Of several processes that start
    /// together one makes it.
    pub async fn open(log: &Log) -> Result<Self, Error> {
        let now = now();
        let mut tx = log.begin_unlogged().await?;
        signing_keys::lock(tx.conn()).await?;
        let mut keys = signing_keys::all(tx.conn(), now).await?;
        if domain::current(&keys, now).is_none() {
            let key = SigningKey::generate(now);
            signing_keys::insert(tx.conn(), &key, now).await?;
            tracing::info!(kid = key.kid, "made the first signing key");
            keys.push(key);
        }
        tx.commit().await?;
        Ok(Self { keys: RwLock::new(keys) })
    }

    /// Keeps up with keys that are made or retired elsewhere.
    pub async fn keep_current(&self, log: &Log, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(RELOAD)).await.is_some() {
            if let Err(error) = self.reload(log).await {
                tracing::warn!(%error, "could not reload the signing keys, trying again");
            }
        }
    }

    async fn reload(&self, log: &Log) -> Result<(), sqlx::Error> {
        let mut conn = log.pool().acquire().await?;
        let keys = signing_keys::all(&mut conn, now()).await?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
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
        let key = domain::current(&keys, issued_at).ok_or_else(|| Error::Unexpected("no key may sign now".into()))?;
        claims.sign(&key.kid, key.seed()).map_err(|error| Error::Unexpected(format!("signing failed: {error}")))
    }
}
