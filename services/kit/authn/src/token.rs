//! Access tokens: Ed25519 JWTs (RFC 9068 `at+jwt`), one algorithm, 5 s of leeway.

use std::{collections::HashMap, sync::Arc};

use secrecy::SecretString;
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use crate::jwt::{self, PublicKey};

/// Issuer and audience of access tokens.
pub const ISSUER: &str = "trellis";
pub const AUDIENCE: &str = "trellis";

/// What the header says that an access token is.
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    pub sid: Uuid,
    pub jti: Uuid,
    pub iat: i64,
    pub exp: i64,
}

impl AccessClaims {
    /// Signs with a raw Ed25519 seed.
    pub fn sign(&self, kid: &str, seed: &[u8; 32]) -> Result<SecretString, TokenError> {
        jwt::signing(seed).and_then(|key| jwt::sign(TYPE, kid, self, &key)).ok_or(TokenError::Invalid)
    }
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("the session has ended")]
    Revoked,
    /// Neither feed of revocations was heard for 10 s.
    #[error("ended sessions are not known at the moment")]
    Unknown,
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::new(Code::Unauthenticated, "The access token is not valid."),
            TokenError::Expired => Self::new(Code::TokenExpired, "The access token has expired."),
            TokenError::Revoked => Self::new(Code::Unauthenticated, "The session has ended."),
            TokenError::Unknown => Self::unavailable("Access tokens cannot be checked at the moment."),
        }
    }
}

/// The keys that verify, by `kid`.
pub(crate) type Keys = HashMap<String, Arc<PublicKey>>;

/// What of a verified token is worth keeping.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
    pub(crate) expires_at: i64,
    /// By which key: when it is withdrawn, what it verified is void.
    pub(crate) kid: String,
    pub(crate) key: Arc<PublicKey>,
}

/// The key that a token names, if it is an access token by its header and the key is known.
pub(crate) fn key(token: &str, keys: &Keys) -> Option<(String, Arc<PublicKey>)> {
    let kid = jwt::kid(token, TYPE)?;
    let key = Arc::clone(keys.get(&kid)?);
    Some((kid, key))
}

/// Everything that the token itself can tell, its time excepted.
pub(crate) fn verify(token: &str, kid: String, key: Arc<PublicKey>) -> Option<Verified> {
    let claims: AccessClaims = jwt::claims(token, &key, ISSUER, AUDIENCE)?;
    Some(Verified { user: claims.sub, session: claims.sid, expires_at: claims.exp, kid, key })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
