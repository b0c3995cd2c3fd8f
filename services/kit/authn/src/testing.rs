//! What the tests of this crate share: a key pair of identity's, and tokens of any shape.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AUDIENCE, AccessClaims, ISSUER, Sessions, User, jwt};

pub(crate) const SEED: [u8; 32] = [7; 32];
pub(crate) const KID: &str = "k1";

pub(crate) fn public(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// Sessions that know one key.
pub(crate) fn sessions() -> Arc<Sessions> {
    Sessions::fixed([(KID.to_owned(), public(&SEED))])
}

pub(crate) fn access_claims(expires_in: i64) -> AccessClaims {
    let now = jwt::now();
    AccessClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: Uuid::now_v7(),
        sid: Uuid::now_v7(),
        jti: Uuid::now_v7(),
        iat: now - 60,
        exp: now + expires_in,
    }
}

/// A good token, as identity signs it.
pub(crate) fn access_token(claims: &AccessClaims) -> String {
    claims.sign(KID, &SEED).unwrap().expose_secret().to_owned()
}

/// A verified user.
pub(crate) fn user() -> User {
    sessions().verify(&access_token(&access_claims(900))).unwrap()
}

pub(crate) fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": KID })
}

/// `header.payload`, ready to be signed in whatever way.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Signed as it should be, whatever the header and the claims say.
pub(crate) fn forged(header: &Value, claims: &Value, seed: &[u8; 32]) -> String {
    let message = unsigned(header, claims);
    let signature = SigningKey::from_bytes(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}
