//! Every shape of token that must not be believed.
#![allow(clippy::unwrap_used)]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tonic::Status;
use trellis_rpc::{Code, Problem};

use super::*;
use crate::Sessions;
use crate::{
    ServiceKey, ServiceName,
    testing::{KID, SEED, access_claims, access_token, forged, header, public, sessions, unsigned},
};

fn claims() -> Value {
    serde_json::to_value(access_claims(900)).unwrap()
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object.as_object_mut().unwrap().insert(field.to_owned(), value);
    object
}

fn without(mut object: Value, field: &str) -> Value {
    object.as_object_mut().unwrap().remove(field).unwrap();
    object
}

fn verdict(token: &str) -> Result<(), TokenError> {
    sessions().verify(token).map(|_| ())
}

fn signed(header: &Value, claims: &Value) -> Result<(), TokenError> {
    verdict(&forged(header, claims, &SEED))
}

#[test]
fn a_good_token_is_believed() {
    let claims = access_claims(900);
    let sessions = sessions();
    let token = access_token(&claims);
    // The second time it comes from the cache.
    for _ in 0..2 {
        let user = sessions.verify(&token).unwrap();
        assert_eq!((user.id, user.session, user.expires_at), (claims.sub, claims.sid, claims.exp));
        let request = user.request(());
        assert_eq!(request.metadata().get("authorization").unwrap(), &format!("Bearer {token}"));
        assert!(request.metadata().get("authorization").unwrap().is_sensitive());
        assert!(!format!("{user:?}{request:?}").contains(&token));
    }
    assert_eq!(signed(&header(), &self::claims()), Ok(()));
}

#[test]
fn the_type_is_compared_as_a_media_type() {
    for typ in ["AT+JWT", "at+JWT", "application/at+jwt", "Application/AT+JWT"] {
        assert_eq!(signed(&with(header(), "typ", json!(typ)), &claims()), Ok(()), "{typ}");
    }
    for typ in ["JWT", "", "at+jwt ", "service+jwt", "rt+jwt", "application/", "application/jwt", "ääääääääääää"]
    {
        assert_eq!(signed(&with(header(), "typ", json!(typ)), &claims()), Err(TokenError::Invalid), "{typ}");
    }
    assert_eq!(signed(&without(header(), "typ"), &claims()), Err(TokenError::Invalid));
}

#[test]
fn no_algorithm_but_ours() {
    for alg in ["none", "None", "NONE", "", "HS256", "RS256", "ES256", "eddsa"] {
        let header = with(header(), "alg", json!(alg));
        assert_eq!(signed(&header, &claims()), Err(TokenError::Invalid), "{alg}");
        // And without any signature.
        assert_eq!(verdict(&format!("{}.", unsigned(&header, &claims()))), Err(TokenError::Invalid), "{alg}");
    }
    assert_eq!(verdict(&format!("{}.", unsigned(&header(), &claims()))), Err(TokenError::Invalid));
    assert_eq!(signed(&without(header(), "alg"), &claims()), Err(TokenError::Invalid));
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(KID.to_owned());
    let public = public(&SEED);
    for secret in [public.to_vec(), URL_SAFE_NO_PAD.encode(public).into_bytes()] {
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
        assert_eq!(verdict(&token), Err(TokenError::Invalid));
    }
}

#[test]
fn another_key_is_not_ours() {
    assert_eq!(verdict(&forged(&header(), &claims(), &[8; 32])), Err(TokenError::Invalid));
    for kid in [json!("k2"), json!(""), json!("../k1"), json!("k1' OR 1=1 --"), json!(null), json!(1), json!(["k1"])] {
        assert_eq!(signed(&with(header(), "kid", kid.clone()), &claims()), Err(TokenError::Invalid), "{kid}");
    }
    assert_eq!(signed(&without(header(), "kid"), &claims()), Err(TokenError::Invalid));
    // A key that the token brings along.
    let brought = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public(&[8; 32])) });
    let token = forged(&with(header(), "jwk", brought), &claims(), &[8; 32]);
    assert_eq!(verdict(&token), Err(TokenError::Invalid));
}

#[test]
fn extensions_that_must_be_understood_are_refused() {
    let header = with(header(), "crit", json!(["b64"]));
    assert_eq!(signed(&header, &claims()), Err(TokenError::Invalid));
}

#[test]
fn issuer_and_audience_must_be_ours() {
    for field in ["iss", "aud"] {
        for value in [json!("else"), json!(""), json!("trellis-internal"), json!(null), json!(1), json!(["else"])] {
            let claims = with(claims(), field, value.clone());
            assert_eq!(signed(&header(), &claims), Err(TokenError::Invalid), "{field} {value}");
        }
    }
}

#[test]
fn every_claim_is_needed() {
    for field in ["iss", "aud", "sub", "sid", "jti", "iat", "exp"] {
        assert_eq!(signed(&header(), &without(claims(), field)), Err(TokenError::Invalid), "{field}");
        assert_eq!(signed(&header(), &with(claims(), field, json!("x"))), Err(TokenError::Invalid), "{field}");
    }
    assert_eq!(signed(&header(), &json!([])), Err(TokenError::Invalid));
    assert_eq!(signed(&header(), &json!(null)), Err(TokenError::Invalid));
}

#[test]
fn time_has_five_seconds_of_leeway() {
    assert_eq!(verdict(&access_token(&access_claims(-3))), Ok(()));
    assert_eq!(verdict(&access_token(&access_claims(-7))), Err(TokenError::Expired));
    // Far away: nothing overflows.
    assert_eq!(signed(&header(), &with(claims(), "exp", json!(i64::MIN))), Err(TokenError::Invalid));
    assert_eq!(signed(&header(), &with(claims(), "exp", json!(0))), Err(TokenError::Expired));
    assert_eq!(signed(&header(), &with(claims(), "exp", json!(i64::MAX))), Ok(()));
    assert_eq!(signed(&header(), &with(claims(), "exp", json!(u64::MAX))), Err(TokenError::Invalid));
}

#[test]
fn what_expired_and_is_forged_is_not_called_expired() {
    let expired = serde_json::to_value(access_claims(-600)).unwrap();
    assert_eq!(signed(&header(), &expired), Err(TokenError::Expired));
    assert_eq!(verdict(&forged(&header(), &expired, &[8; 32])), Err(TokenError::Invalid));
    assert_eq!(signed(&header(), &with(expired, "iss", json!("else"))), Err(TokenError::Invalid));
}

#[test]
fn a_remembered_token_expires_like_any_other() {
    let sessions = sessions();
    let claims = access_claims(900);
    let token = access_token(&claims);
    assert!(sessions.verify_at(&token, claims.exp).is_ok());
    assert!(sessions.verify_at(&token, claims.exp + 5).is_ok());
    assert_eq!(sessions.verify_at(&token, claims.exp + 6).err(), Some(TokenError::Expired));
}

#[test]
fn an_altered_token_is_not_believed() {
    let token = access_token(&access_claims(900));
    let sessions = sessions();
    assert!(sessions.verify(&token).is_ok());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let other = access_token(&access_claims(900));
    let stolen = other.rsplit('.').next().unwrap();
    for altered in [
        format!("{header}.{claims}.{stolen}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{signature}."),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}A"),
        format!(" {token}"),
        format!("{token}\n"),
    ] {
        assert_eq!(sessions.verify(&altered).err(), Some(TokenError::Invalid), "{altered}");
    }
}

#[test]
fn garbage_is_refused() {
    let deep = URL_SAFE_NO_PAD.encode("[".repeat(2000));
    for garbage in ["", ".", "..", "...", "a.b.c", "🦀.🦀.🦀", "null", "e30.e30.e30", &format!("{deep}.{deep}.")]
    {
        assert_eq!(verdict(garbage), Err(TokenError::Invalid), "{garbage}");
    }
    // A refresh token is 256 bits in base64url.
    assert_eq!(verdict(&URL_SAFE_NO_PAD.encode([3; 32])), Err(TokenError::Invalid));
}

#[test]
fn a_huge_token_is_not_even_read() {
    let huge = forged(&with(header(), "x", json!("x".repeat(4096))), &claims(), &SEED);
    assert_eq!(verdict(&huge), Err(TokenError::Invalid));
    assert_eq!(verdict(&"a.".repeat(1 << 20)), Err(TokenError::Invalid));
    // Below the limit the same thing is good: it is the size that was refused.
    assert_eq!(signed(&with(header(), "x", json!("x".repeat(1024))), &claims()), Ok(()));
}

#[test]
fn a_service_token_is_no_access_token() {
    let seed: SecretString = base64::engine::general_purpose::STANDARD.encode(SEED).into();
    let key = ServiceKey::new(ServiceName::Gateway, &seed).unwrap();
    // Even where identity's key were the service's, and under its name.
    let sessions = Sessions::fixed(["gateway", KID].map(|kid| (kid.to_owned(), public(&SEED))));
    let token = key.sign(AUDIENCE, jwt::now());
    assert_eq!(sessions.verify(token.expose_secret()).err(), Some(TokenError::Invalid));
}

#[test]
fn keys_that_are_none_are_left_out() {
    assert!(PublicKey::new(&[0; 31]).is_none());
    // The neutral element: of small order, it would "verify" what nobody signed.
    let mut weak = [0; 32];
    weak[0] = 1;
    assert!(PublicKey::new(&weak).is_none());
    assert!(Sessions::fixed([("weak".to_owned(), weak)]).keys().is_empty());
    assert_eq!(sessions().keys(), vec![(KID.to_owned(), public(&SEED))]);
}

#[test]
fn refusals_have_their_codes() {
    for (error, code) in [
        (TokenError::Invalid, Code::Unauthenticated),
        (TokenError::Expired, Code::TokenExpired),
        (TokenError::Revoked, Code::Unauthenticated),
        (TokenError::Unknown, Code::Unavailable),
    ] {
        let status = Status::from(Problem::from(error));
        assert_eq!(Problem::from(&status).code, code);
    }
}
