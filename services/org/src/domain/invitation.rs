//! Invitations and their tokens. A token is the invitation's id with a signature over it: it can be given again to who
//! repeats a request, though nothing of it is stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use uuid::Uuid;

use super::{Email, Role};

/// How long a token fits.
pub const LIFETIME: TimeDelta = TimeDelta::days(7);

/// Keeps this use of the secret apart from any other that may come.
const PURPOSE: &[u8] = b"trellis invitation 1\0";
const ID_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 32;

/// An open place in an organization, for one e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    pub id: Uuid,
    pub email: String,
    pub role: Role,
    pub invited_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What a new invitation is made of.
pub struct NewInvitation {
    pub id: Uuid,
    pub email: Email,
    pub role: Role,
    pub invited_by: Uuid,
}

/// Signs and verifies tokens (`TRELLIS_INVITATION_SECRET`).
#[derive(Clone)]
pub struct InvitationKey(Hmac<Sha256>);

/// What whoever was invited holds; base64url of id and signature.
pub type InvitationToken = SecretString;

impl InvitationKey {
    pub const FEWEST_BYTES: usize = 32;

    /// `None` where the secret is too short to be one.
    pub fn new(secret: &SecretString) -> Option<Self> {
        let secret = secret.expose_secret().as_bytes();
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        (secret.len() >= Self::FEWEST_BYTES).then_some(Self(mac))
    }

    pub fn token(&self, id: Uuid) -> InvitationToken {
        let mut bytes = Vec::with_capacity(ID_BYTES + SIGNATURE_BYTES);
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&self.mac(id).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// The invitation that a token is for; `None` where the token was not made with this key.
    pub fn open(&self, token: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        let (id, signature) = bytes.split_at_checked(ID_BYTES)?;
        let id = Uuid::from_slice(id).ok()?;
        // In constant time, so that a signature cannot be guessed byte by byte.
        self.mac(id).verify_slice(signature).ok()?;
        Some(id)
    }

    fn mac(&self, id: Uuid) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(PURPOSE);
        mac.update(id.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key(secret: &str) -> InvitationKey {
        InvitationKey::new(&secret.to_owned().into()).unwrap()
    }

    #[test]
    fn a_token_opens_with_its_own_key_alone() {
        let (ours, other) = (key("0123456789abcdef0123456789abcdef"), key("another secret, as long as it must be"));
        let id = Uuid::now_v7();
        let token = ours.token(id);
        assert_eq!(token.expose_secret(), ours.token(id).expose_secret(), "the same token each time");
        assert_eq!(ours.open(token.expose_secret()), Some(id));
        assert_eq!(other.open(token.expose_secret()), None);
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(InvitationKey::new(&"x".repeat(31).into()).is_none());
    }

    #[test]
    fn a_changed_token_opens_nothing() {
        let key = key("0123456789abcdef0123456789abcdef");
        let token = key.token(Uuid::now_v7()).expose_secret().to_owned();
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap_or_default();
            assert_eq!(key.open(&changed), None, "changed at {place}");
        }
        for bad in ["", "A", "not a token", &token[..22], &token[..60], &format!("{token}AAAA")] {
            assert_eq!(key.open(bad), None, "{bad}");
        }
    }
}
