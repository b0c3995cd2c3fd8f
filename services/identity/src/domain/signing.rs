//! The Ed25519 keys of access tokens: which one signs, which ones are published.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

/// A new key is published for so long before it signs. Nobody believes what it heard of the keys for longer than that.
pub const AHEAD: Duration = Duration::from_mins(1);
/// When a key has been the newest for so long, nobody signs with an older one any more, clocks that differ and
/// transactions that linger included.
pub const HANDED_OVER: Duration = Duration::from_mins(5);

/// A key that signs.
pub struct SigningKey {
    pub kid: String,
    seed: SecretBox<[u8; 32]>,
    /// Published before, used from here on.
    pub not_before: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
}

/// Its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub kid: String,
    pub key: [u8; 32],
}

impl SigningKey {
    pub fn generate(not_before: DateTime<Utc>) -> Self {
        let seed: [u8; 32] = rand::random();
        let kid = BASE64.encode(&Sha256::digest(public(&seed))[..12]);
        Self::new(kid, seed, not_before, None)
    }

    pub fn new(kid: String, seed: [u8; 32], not_before: DateTime<Utc>, retired_at: Option<DateTime<Utc>>) -> Self {
        Self { kid, seed: SecretBox::new(Box::new(seed)), not_before, retired_at }
    }

    pub fn seed(&self) -> &[u8; 32] {
        self.seed.expose_secret()
    }

    pub fn public(&self) -> PublicKey {
        PublicKey { kid: self.kid.clone(), key: public(self.seed()) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn public(seed: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// The key to sign with: the newest whose time has come and that is not retired.
pub fn current(keys: &[SigningKey], now: DateTime<Utc>) -> Option<&SigningKey> {
    keys.iter()
        .filter(|key| key.not_before <= now && key.retired_at.is_none_or(|retired_at| now < retired_at))
        .max_by_key(|key| key.not_before)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_key_signs_when_its_time_has_come() {
        let now = Utc::now();
        let key = |kid: &str, starts: i64, ends: Option<i64>| {
            let at = |minutes| now + TimeDelta::minutes(minutes);
            SigningKey::new(kid.to_owned(), [1; 32], at(starts), ends.map(at))
        };
        let chosen = |keys: &[SigningKey]| current(keys, now).map(|key| key.kid.clone());
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[key("a", -10, None), key("b", 1, None)]), Some("a".to_owned()));
        assert_eq!(chosen(&[key("a", -10, Some(5)), key("b", -1, None)]), Some("b".to_owned()));
        assert_eq!(chosen(&[key("a", -10, Some(0)), key("b", 1, None)]), None);
    }

    #[test]
    fn keys_are_told_apart_by_their_public_half() {
        let (one, other) = (SigningKey::generate(Utc::now()), SigningKey::generate(Utc::now()));
        assert_ne!(one.kid, other.kid);
        assert_ne!(one.public().key, other.public().key);
        assert!(!format!("{one:?}").contains("seed"));
    }
}
