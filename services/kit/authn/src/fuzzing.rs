//! What is shown as a token, for fuzz targets (`make fuzz`). The same runs as an ordinary test.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use serde_json::Value;

use crate::{
    AUDIENCE, ISSUER, PeerKeys, jwt,
    token::{self, Keys, Verified},
};

const SEED: [u8; 32] = [7; 32];
const KID: &str = "k1";

/// A token as it is; then its lines as a header and claims that the right key signed, so that what is behind the
/// signature is reached, too.
pub fn tokens(text: &str) {
    let key = SigningKey::from_bytes(&SEED);
    if let Some(verified) = user(text, &key) {
        signed_by(text, &key);
        let _ = jwt::alive(verified.expires_at, i64::MAX);
    }
    service(text, &key);
    let _ = text.parse::<PeerKeys>();

    let (header, claims) = text.split_once('\n').unwrap_or((text, ""));
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    let verified = user(&token, &key);
    let served = service(&token, &key);
    assert!(verified.is_none() || !served, "no token is of both kinds");
    if let Some(verified) = verified {
        let header: Value = serde_json::from_str(header).expect("the header of a good token is JSON");
        let claims: Value = serde_json::from_str(claims).expect("the claims of a good token are JSON");
        assert_eq!(header["alg"], "EdDSA");
        assert_eq!(header["kid"], KID);
        assert!(header.get("crit").is_none_or(Value::is_null), "no extension is understood");
        assert_eq!((&claims["iss"], &claims["aud"]), (&ISSUER.into(), &AUDIENCE.into()));
        assert_eq!(claims["exp"], verified.expires_at);
        assert!(verified.user.to_string().eq_ignore_ascii_case(&uuid(&claims["sub"])));
        assert!(verified.session.to_string().eq_ignore_ascii_case(&uuid(&claims["sid"])));
    }
}

fn user(token: &str, key: &SigningKey) -> Option<Verified> {
    let public = jwt::PublicKey::new(key.verifying_key().as_bytes())?;
    let keys: Keys = [(KID.to_owned(), Arc::new(public))].into();
    let (kid, key) = token::key(token, &keys)?;
    token::verify(token, kid, key)
}

fn service(token: &str, key: &SigningKey) -> bool {
    let peers = format!("gateway={}", jwt::encode_base64(key.verifying_key().as_bytes()));
    let peers: PeerKeys = peers.parse().expect("an entry that is right");
    let audiences = ["trellis.identity.v1", "trellis.org.v1", "trellis"];
    let believed = |audience, now| peers.verify(token, audience, now).is_ok();
    audiences.into_iter().any(|audience| [i64::MIN, 0, i64::MAX].into_iter().any(|now| believed(audience, now)))
}

/// Judged without the library that verifies tokens.
fn signed_by(token: &str, key: &SigningKey) {
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let signature = Signature::from_slice(&signature).expect("64 bytes");
    key.verifying_key().verify_strict(message.as_bytes(), &signature).expect("nothing else is believed");
}

fn uuid(value: &Value) -> String {
    let text = value.as_str().expect("an id is a text");
    uuid::Uuid::try_parse(text).expect("an id").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/fuzz/seeds/tokens");
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            let text = std::fs::read_to_string(seed.expect("a file").path()).expect("a text");
            super::tokens(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in any::<String>()) {
            super::tokens(&text);
        }

        #[test]
        fn headers_and_claims_of_any_kind(
            typ in "(at\\+jwt|AT\\+JWT|application/at\\+jwt|service\\+jwt|JWT|.{0,12})",
            alg in "(EdDSA|none|HS256|.{0,5})",
            more in "(|,\"crit\":null|,\"crit\":\\[\\]|,\"alg\":\"none\"|,\"x\":1)",
            aud in "(\"trellis\"|\"trellis.org.v1\"|\\[\"trellis\"\\]|null|1)",
            who in "(k1|gateway)",
            iss in "(trellis|gateway)",
            exp in any::<i64>(),
        ) {
            let header = format!(r#"{{"alg":{alg:?},"typ":{typ:?},"kid":{who:?}{more}}}"#);
            let id = "0190a000-0000-7000-8000-000000000000";
            let claims = format!(
                r#"{{"iss":{iss:?},"aud":{aud},"sub":"{id}","sid":"{id}","jti":"{id}","iat":1,"exp":{exp}}}"#
            );
            super::tokens(&format!("{header}\n{claims}"));
        }
    }
}
