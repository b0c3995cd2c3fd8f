//! What both kinds of token share: compact JWTs signed with Ed25519, looked at in an order that costs an attacker
//! more than us. What the claims of each kind mean stands in `token` and `service`.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ed25519_dalek::{SigningKey, VerifyingKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// Clocks of processes may differ by so many seconds.
pub(crate) const LEEWAY: i64 = 5;

/// Our longest token is below 700 bytes; what is longer is not read at all.
const MAX_LENGTH: usize = 4096;

/// Base64 of keys in the configuration: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public key that verifies, known to be a point of the curve.
#[derive(Clone)]
pub(crate) struct PublicKey {
    raw: [u8; 32],
    decoding: DecodingKey,
}

impl PublicKey {
    /// `None` for what is no usable Ed25519 key (off the curve, or of small order: such a key verifies forgeries).
    pub(crate) fn new(raw: &[u8]) -> Option<Self> {
        let raw: [u8; 32] = raw.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&raw).ok()?;
        // `from_ed_der` wants the raw 32 bytes whatever its name says; with an SPKI it would refuse every token.
        (!key.is_weak()).then(|| Self { raw, decoding: DecodingKey::from_ed_der(&raw) })
    }

    pub(crate) fn raw(&self) -> [u8; 32] {
        self.raw
    }
}

/// The 32 bytes that a line of configuration holds.
pub(crate) fn decode_base64(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.trim()).ok()?.try_into().ok()
}

pub(crate) fn encode_base64(bytes: &[u8; 32]) -> String {
    BASE64.encode(bytes)
}

/// What a token is known by in a cache: the token itself is not kept. `None`: too long to be one of ours.
pub(crate) fn digest(token: &str) -> Option<[u8; 32]> {
    (token.len() <= MAX_LENGTH).then(|| Sha256::digest(token.as_bytes()).into())
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The key in the form that signs.
pub(crate) fn signing(seed: &[u8; 32]) -> Option<EncodingKey> {
    let der = SigningKey::from_bytes(seed).to_pkcs8_der().ok()?;
    Some(EncodingKey::from_ed_der(der.as_bytes()))
}

pub(crate) fn sign(typ: &str, kid: &str, claims: &impl Serialize, key: &EncodingKey) -> Option<SecretString> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, claims, key).ok().map(Into::into)
}

/// The `kid` of a token that claims to be of this type, before anything is believed. Costs no cryptography, so that
/// garbage is turned away cheaply.
pub(crate) fn kid(token: &str, typ: &str) -> Option<String> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    let named = header.typ.as_deref()?;
    // RFC 9068 and RFC 7515: media types compare without case, and `application/` may be left out.
    let named = match named.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &named[12..],
        _ => named,
    };
    // `crit` names extensions that must be understood; we understand none.
    let plain = header.alg == Algorithm::EdDSA && header.crit.is_none() && named.eq_ignore_ascii_case(typ);
    header.kid.filter(|_| plain)
}

/// The claims of a token whose signature, issuer and audience are right. Times are the caller's to judge, so that a
/// forged token is never told that it has "expired".
pub(crate) fn claims<T: DeserializeOwned>(token: &str, key: &PublicKey, issuer: &str, audience: &str) -> Option<T> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_exp = false;
    Some(jsonwebtoken::decode::<T>(token, &key.decoding, &validation).ok()?.claims)
}

/// Whether a token that expires then is still good, with the leeway.
pub(crate) fn alive(expires_at: i64, now: i64) -> bool {
    now <= expires_at.saturating_add(LEEWAY)
}
