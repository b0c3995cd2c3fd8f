//! Tokens of services, for calls that no user makes: signed by the calling process with its own configured key,
//! short-lived, for the one service that is called. They share nothing with access tokens: type, audience and keys
//! differ. Who is shown one cannot go on with it elsewhere: a service that was broken into does not speak as the gateway.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use ed25519_dalek::SigningKey;
use jsonwebtoken::EncodingKey;
use moka::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{
    TokenError,
    jwt::{self, PublicKey},
};

/// What the header says that a service token is.
const TYPE: &str = "service+jwt";
/// Seconds that a token lasts, and after which the next one is made.
const LIFETIME: i64 = 60;
const RENEWAL: i64 = 30;

/// The processes that may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceName {
    Gateway,
    Identity,
    Org,
    Project,
}

impl ServiceName {
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Identity, Self::Org, Self::Project];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Identity => "identity",
            Self::Org => "org",
            Self::Project => "project",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.as_str() == name)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ServiceClaims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// The key that this process signs with: an Ed25519 seed, 32 bytes in base64 (`TRELLIS_SERVICE_KEY`).
#[derive(Clone)]
pub struct ServiceKey {
    name: ServiceName,
    public: [u8; 32],
    signing: EncodingKey,
    /// By audience.
    kept: Arc<Mutex<HashMap<&'static str, Kept>>>,
}

/// The header of the current token, and when it was made.
struct Kept {
    header: MetadataValue<Ascii>,
    made_at: i64,
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ServiceKey {
    pub fn new(name: ServiceName, seed: &SecretString) -> Result<Self, String> {
        const WRONG: &str = "must be an Ed25519 seed: 32 bytes in base64";
        let seed = jwt::decode_base64(seed.expose_secret()).ok_or(WRONG)?;
        Ok(Self {
            name,
            public: SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
            signing: jwt::signing(&seed).ok_or(WRONG)?,
            kept: Arc::default(),
        })
    }

    /// A new random seed, in the form that [`new`](Self::new) takes.
    pub fn generate_seed() -> SecretString {
        jwt::encode_base64(&rand::random()).into()
    }

    pub fn name(&self) -> ServiceName {
        self.name
    }

    /// What stands in the others' `TRELLIS_PEER_KEYS` for this process.
    pub fn public_key_base64(&self) -> String {
        jwt::encode_base64(&self.public)
    }

    /// A request that carries a service token (kept and renewed before it expires) for the service whose message it
    /// is: the message's package is the audience.
    pub fn request<T: prost::Name>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.header(T::PACKAGE, jwt::now()));
        request
    }

    /// By the wall clock, as the verifier reads it: a suspended machine or a clock put right makes a new token.
    fn header(&self, audience: &'static str, now: i64) -> MetadataValue<Ascii> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.get(audience)
            && (kept.made_at..kept.made_at + RENEWAL).contains(&now)
        {
            return kept.header.clone();
        }
        let mut header: MetadataValue<Ascii> = format!("Service {}", self.sign(audience, now).expose_secret())
            .parse()
            .expect("base64url and dots are visible ASCII");
        header.set_sensitive(true);
        kept.insert(audience, Kept { header: header.clone(), made_at: now });
        header
    }

    pub(crate) fn sign(&self, audience: &str, now: i64) -> SecretString {
        let name = self.name.as_str();
        let claims = ServiceClaims { iss: name.to_owned(), aud: audience.to_owned(), iat: now, exp: now + LIFETIME };
        jwt::sign(TYPE, name, &claims, &self.signing).expect("an Ed25519 key that was parsed signs")
    }
}

/// A token that was verified, for which audience and until when.
#[derive(Clone, Copy)]
struct Verified {
    name: ServiceName,
    audience: &'static str,
    expires_at: i64,
}

/// The public keys of the processes that may call this one (`TRELLIS_PEER_KEYS`):
/// `gateway=<base64>,identity=<base64>,org=<base64>,project=<base64>`.
#[derive(Clone)]
pub struct PeerKeys {
    keys: [Option<PublicKey>; 4],
    /// Tokens that were verified: each process shows the same one for half a minute.
    verified: Cache<[u8; 32], Verified>,
}

impl PeerKeys {
    fn empty() -> Self {
        Self { keys: [const { None }; 4], verified: Cache::new(256) }
    }

    /// The process that signed the token for this audience. Shown again within its minute it is believed again: the
    /// network between the processes is theirs alone, and every call in it is one that the caller could repeat anyway.
    pub(crate) fn verify(&self, token: &str, audience: &'static str, now: i64) -> Result<ServiceName, TokenError> {
        let digest = jwt::digest(token).ok_or(TokenError::Invalid)?;
        let verified = if let Some(verified) = self.verified.get(&digest).filter(|known| known.audience == audience) {
            verified
        } else {
            let verified = self.examine(token, audience).ok_or(TokenError::Invalid)?;
            self.verified.insert(digest, verified);
            verified
        };
        if jwt::alive(verified.expires_at, now) { Ok(verified.name) } else { Err(TokenError::Expired) }
    }

    fn examine(&self, token: &str, audience: &'static str) -> Option<Verified> {
        let name = ServiceName::named(&jwt::kid(token, TYPE)?)?;
        let key = self.keys[name as usize].as_ref()?;
        // The issuer must be the process whose key it is, so no process speaks for another.
        let claims: ServiceClaims = jwt::claims(token, key, name.as_str(), audience)?;
        let lifetime = claims.exp.checked_sub(claims.iat)?;
        (0..=LIFETIME).contains(&lifetime).then_some(Verified { name, audience, expires_at: claims.exp })
    }
}

impl Default for PeerKeys {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for PeerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeerKeys").field(&self.to_string()).finish()
    }
}

impl FromStr for PeerKeys {
    type Err = String;

    /// Errors name an entry by its place or its known name, never by its text: it might be a secret, mistaken.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut peers = Self::empty();
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            let place = index + 1;
            let (name, key) =
                entry.split_once('=').ok_or_else(|| format!("entry {place} is not of the form name=key"))?;
            let name = ServiceName::named(name.trim())
                .ok_or_else(|| format!("entry {place} is not for gateway, identity, org or project"))?;
            let key = jwt::decode_base64(key)
                .and_then(|raw| PublicKey::new(&raw))
                .ok_or_else(|| format!("entry {name} is not an Ed25519 public key: 32 bytes in base64"))?;
            if peers.keys[name as usize].replace(key).is_some() {
                return Err(format!("entry {name} is given twice"));
            }
        }
        Ok(peers)
    }
}

impl fmt::Display for PeerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in ServiceName::ALL {
            if let Some(key) = &self.keys[name as usize] {
                write!(f, "{separator}{name}={}", jwt::encode_base64(&key.raw()))?;
                separator = ",";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
