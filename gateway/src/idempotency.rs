//! `Idempotency-Key`: a client's word that two requests are one.

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use trellis_rpc::IdempotencyKey;

use crate::problem::Problem;

pub const HEADER: &str = "idempotency-key";
pub const REPLAYED: &str = "idempotent-replayed";

/// What travels to the service: the key, what it is for, and what came with it.
pub fn key(value: &HeaderValue, operation: &str, body: &Bytes) -> Result<IdempotencyKey, Problem> {
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    let Some(key) = key else {
        return Err(Problem::invalid_request("The idempotency key is not right.").field(
            "Idempotency-Key",
            "invalid",
            "must be 1 to 64 visible ASCII characters",
        ));
    };
    Ok(IdempotencyKey {
        key: key.to_owned(),
        operation: operation.to_owned(),
        fingerprint: Sha256::digest(body).into(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys() {
        let made = |value: &[u8]| key(&HeaderValue::from_bytes(value).unwrap(), "POST /x", &Bytes::from_static(b"{}"));
        assert_eq!(made(&[b'~'; 64]).ok().unwrap().key, "~".repeat(64));
        for bad in [&b""[..], &[b'a'; 65], b"a b", "é".as_bytes()] {
            assert_eq!(made(bad).err().unwrap().code(), "invalid_request");
        }
    }
}
