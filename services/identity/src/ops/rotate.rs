//! From one signing key to the next, while everything runs and every valid token stays valid.
//!
//! 1. The operator's command makes a key. It is published at once and signs after [`AHEAD`]: until then every verifier
//!    has heard of it, or knows that it has heard nothing.
//! 2. It signs, and the one before no longer does. After [`HANDED_OVER`] no process can be behind.
//! 3. Any service process notes when the last token of the old key will have expired. Until then it is published.
//! 4. After that it is deleted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use trellis_eventlog::Log;

use super::{Ops, now};
use crate::{
    domain::{self, AHEAD, SigningKey},
    error::Error,
    store::signing_keys,
};

/// From the last token's end until its key is no longer published, and from there until it is deleted: clocks differ,
/// verifiers have leeway.
const MARGIN: Duration = Duration::from_mins(1);

/// The key that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextKey {
    pub kid: String,
    pub signs_from: DateTime<Utc>,
    /// It was on its way already.
    pub was_there: bool,
}

/// What the operator asks for, on whose word this counts: no caller, as there is no call. Of several at once, or one
/// after another within [`AHEAD`], one makes the key and the others find it.
pub async fn rotate_keys(log: &Log) -> Result<NextKey, Error> {
    let mut tx = log.begin_unlogged().await?;
    signing_keys::lock(tx.conn()).await?;
    // After the wait for the lock.
    let now = now();
    let mut keys = signing_keys::all(tx.conn(), now).await?;
    keys.retain(|key| key.not_before > now);
    if let Some(key) = keys.pop() {
        tx.rollback().await?;
        return Ok(NextKey { kid: key.kid, signs_from: key.not_before, was_there: true });
    }
    let key = SigningKey::generate(now + AHEAD);
    signing_keys::insert(tx.conn(), &key, now).await?;
    tx.commit().await?;
    Ok(NextKey { kid: key.kid, signs_from: key.not_before, was_there: false })
}

/// Where there is no key that signs now, one is made that does.
pub(super) async fn first_key(log: &Log) -> Result<Vec<SigningKey>, Error> {
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
    Ok(keys)
}

impl Ops {
    /// Steps 3 and 4. Several processes may.
    pub(super) async fn retire_keys(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let mut tx = self.log.begin_unlogged().await?;
        let retired = signing_keys::retire(tx.conn(), now, MARGIN).await?;
        let deleted = signing_keys::delete_retired(tx.conn(), now - MARGIN).await?;
        tx.commit().await?;
        for kid in retired {
            tracing::info!(kid, "a signing key is no longer used; it goes when its last token has expired");
        }
        for kid in deleted {
            tracing::info!(kid, "a signing key is gone");
        }
        Ok(())
    }
}
