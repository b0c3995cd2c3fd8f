//! Refresh tokens: 256 bits, each exchanged once for its successor, which is computed from it with a secret of the
//! server and so can be given again without being stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};

/// How long a token that was just spent gets its successor again: a retry whose answer was lost, two tabs at once.
pub const RETRY: TimeDelta = TimeDelta::seconds(30);

/// What only the holder knows.
pub struct RefreshToken(SecretBox<[u8; 32]>);

impl RefreshToken {
    /// The first of a chain.
    pub fn generate() -> Self {
        Self(SecretBox::new(Box::new(rand::random())))
    }

    /// `None` where it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = BASE64.decode(text.trim()).ok()?.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(bytes))))
    }

    /// As it is given to the client.
    pub fn expose(&self) -> String {
        BASE64.encode(self.0.expose_secret())
    }

    /// What is stored.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// The one token that this one can be exchanged for.
    #[must_use]
    pub fn successor(&self, secret: &TokenSecret) -> Self {
        Self(SecretBox::new(Box::new(secret.mac("refresh token successor", self.0.expose_secret()))))
    }
}

/// The server's secret (`TRELLIS_TOKEN_SECRET`), the same in every replica.
#[derive(Clone)]
pub struct TokenSecret(SecretString);

impl TokenSecret {
    pub const FEWEST_BYTES: usize = 32;

    /// `None` where it is too short to be one.
    pub fn new(secret: SecretString) -> Option<Self> {
        (secret.expose_secret().len() >= Self::FEWEST_BYTES).then_some(Self(secret))
    }

    /// A keyed hash; `purpose` keeps uses apart.
    pub fn mac(&self, purpose: &'static str, data: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

/// What becomes of a token that is shown, while its session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Unused: it is spent now.
    Rotate,
    /// Spent a moment ago, and nobody has used the successor: the same successor again.
    Repeat,
    /// Someone uses an old token: one of two holders stole it. The whole family ends.
    Reused,
}

/// Judges a token by when it was spent and whether its successor is still unused.
pub fn judge(spent_at: Option<DateTime<Utc>>, successor_unused: bool, now: DateTime<Utc>) -> Verdict {
    match spent_at {
        None => Verdict::Rotate,
        Some(spent_at) if successor_unused && now - spent_at <= RETRY => Verdict::Repeat,
        Some(_) => Verdict::Reused,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn secret(text: &str) -> TokenSecret {
        TokenSecret::new(text.repeat(32).into()).unwrap()
    }

    #[test]
    fn successors_are_the_same_again_and_need_the_secret() {
        let token = RefreshToken::generate();
        let again = RefreshToken::parse(&format!(" {}\n", token.expose())).unwrap();
        assert_eq!(token.hash(), again.hash());
        let successor = token.successor(&secret("a"));
        assert_eq!(successor.expose(), again.successor(&secret("a")).expose());
        assert_ne!(successor.expose(), again.successor(&secret("b")).expose());
        assert_ne!(successor.expose(), successor.successor(&secret("a")).expose());
        assert_eq!(successor.expose().len(), 43);
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for wrong in ["", "x", "not base64 at all!", &"A".repeat(42), &"A".repeat(44), &"A".repeat(100_000)] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong:.50}");
        }
        assert!(TokenSecret::new("x".repeat(31).into()).is_none());
    }

    #[test]
    fn an_old_token_is_a_retry_for_half_a_minute_and_theft_after() {
        let now = Utc::now();
        let ago = |seconds| Some(now - TimeDelta::seconds(seconds));
        assert_eq!(judge(None, false, now), Verdict::Rotate);
        assert_eq!(judge(ago(0), true, now), Verdict::Repeat);
        assert_eq!(judge(ago(30), true, now), Verdict::Repeat);
        assert_eq!(judge(ago(31), true, now), Verdict::Reused);
        assert_eq!(judge(ago(1), false, now), Verdict::Reused);
        // The clock of another replica may be ahead.
        assert_eq!(judge(ago(-2), true, now), Verdict::Repeat);
    }
}
