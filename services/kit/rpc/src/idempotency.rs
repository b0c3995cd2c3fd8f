//! How an idempotency key travels with a call, and how an answer says that it was given before.
//!
//! Keeping answers is the business of the service's transaction; here is only the metadata.

use http::HeaderMap;
use tonic::{
    Request, Response,
    metadata::{MetadataMap, MetadataValue},
};

/// Response metadata that marks a kept answer.
pub const REPLAYED: &str = "trellis-idempotent-replayed";

// Binary metadata takes any bytes, so that attaching a key cannot fail.
const KEY: &str = "trellis-idempotency-key-bin";
const OPERATION: &str = "trellis-idempotency-operation-bin";
const FINGERPRINT: &str = "trellis-idempotency-fingerprint-bin";

/// A client's key together with what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the client sent it: 1–64 visible ASCII characters.
    pub key: String,
    /// Method and path, so that one key may serve two routes.
    pub operation: String,
    /// SHA-256 of the body.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// Puts the key into an outgoing request's metadata.
    pub fn attach<T>(&self, request: &mut Request<T>) {
        let metadata = request.metadata_mut();
        metadata.insert_bin(KEY, MetadataValue::from_bytes(self.key.as_bytes()));
        metadata.insert_bin(OPERATION, MetadataValue::from_bytes(self.operation.as_bytes()));
        metadata.insert_bin(FINGERPRINT, MetadataValue::from_bytes(&self.fingerprint));
    }

    /// The key of an incoming request, where it has one.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        let metadata = request.metadata();
        Some(Self {
            key: String::from_utf8(bytes_of(metadata, KEY)?).ok()?,
            operation: String::from_utf8(bytes_of(metadata, OPERATION)?).ok()?,
            fingerprint: bytes_of(metadata, FINGERPRINT)?.try_into().ok()?,
        })
    }
}

/// Whether an outgoing call carries a key.
pub(crate) fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key(KEY)
}

fn bytes_of(metadata: &MetadataMap, name: &'static str) -> Option<Vec<u8>> {
    Some(metadata.get_bin(name)?.to_bytes().ok()?.to_vec())
}

/// Marks an answer as kept from an earlier call.
pub fn mark_replayed<T>(response: &mut Response<T>) {
    response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
}

/// Whether the server said that this answer was kept.
pub fn was_replayed<T>(response: &Response<T>) -> bool {
    response.metadata().contains_key(REPLAYED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_travels_with_the_request() {
        let key = IdempotencyKey {
            key: "retry-1".into(),
            operation: "POST /api/v1/organizations/ü".into(),
            fingerprint: [7; 32],
        };
        let mut request = Request::new(());
        assert_eq!(IdempotencyKey::of(&request), None);
        key.attach(&mut request);
        assert_eq!(IdempotencyKey::of(&request), Some(key));
    }

    #[test]
    fn half_a_key_is_none() {
        let mut request = Request::new(());
        request.metadata_mut().insert_bin(KEY, MetadataValue::from_bytes(b"retry-1"));
        assert_eq!(IdempotencyKey::of(&request), None);
    }

    #[test]
    fn an_answer_says_that_it_was_kept() {
        let mut response = Response::new(());
        assert!(!was_replayed(&response));
        mark_replayed(&mut response);
        assert!(was_replayed(&response));
    }
}
