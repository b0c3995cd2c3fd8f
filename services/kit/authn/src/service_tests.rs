//! Service tokens: kept, renewed, and never taken for anything else.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::testing::{SEED, access_claims, access_token, forged, public};

const ORG: &str = "trellis.org.v1";
const PROJECT: &str = "trellis.project.v1";

fn key(name: ServiceName, seed: [u8; 32]) -> ServiceKey {
    ServiceKey::new(name, &jwt::encode_base64(&seed).into()).unwrap()
}

fn peers(keys: &[&ServiceKey]) -> PeerKeys {
    let entries: Vec<_> = keys.iter().map(|key| format!("{}={}", key.name(), key.public_key_base64())).collect();
    entries.join(",").parse().unwrap()
}

/// A token of the gateway's with one thing changed in header or claims.
fn altered(header: &[(&str, serde_json::Value)], claims: &[(&str, serde_json::Value)]) -> String {
    let now = jwt::now();
    let mut head = json!({ "alg": "EdDSA", "typ": "service+jwt", "kid": "gateway" });
    let mut body = json!({ "iss": "gateway", "aud": ORG, "iat": now, "exp": now + 60 });
    for (name, value) in header {
        head[name] = value.clone();
    }
    for (name, value) in claims {
        body[name] = value.clone();
    }
    forged(&head, &body, &SEED)
}

#[test]
fn a_service_is_known_by_its_key() {
    let gateway = key(ServiceName::Gateway, SEED);
    let identity = key(ServiceName::Identity, [8; 32]);
    let peers = peers(&[&gateway, &identity]);
    let now = jwt::now();
    for (key, name) in [(&gateway, ServiceName::Gateway), (&identity, ServiceName::Identity)] {
        let token = key.sign(ORG, now);
        // Again within its minute, too.
        assert_eq!(peers.verify(token.expose_secret(), ORG, now), Ok(name));
        assert_eq!(peers.verify(token.expose_secret(), ORG, now + 60), Ok(name));
        assert_eq!(peers.verify(token.expose_secret(), ORG, now + 66), Err(TokenError::Expired));
    }
    let org = key(ServiceName::Org, SEED).sign(ORG, now);
    assert_eq!(peers.verify(org.expose_secret(), ORG, now), Err(TokenError::Invalid));
}

#[test]
fn no_service_speaks_for_another() {
    let peers = peers(&[&key(ServiceName::Gateway, SEED), &key(ServiceName::Identity, [8; 32])]);
    let now = jwt::now();
    assert_eq!(peers.verify(&altered(&[], &[]), ORG, now), Ok(ServiceName::Gateway));
    for (what, token) in [
        ("issuer", altered(&[], &[("iss", json!("identity"))])),
        ("key", altered(&[("kid", json!("identity"))], &[("iss", json!("identity"))])),
        ("key only", altered(&[("kid", json!("identity"))], &[])),
        ("no such service", altered(&[("kid", json!("root"))], &[("iss", json!("root"))])),
        ("audience", altered(&[], &[("aud", json!("trellis"))])),
        ("another service's audience", altered(&[], &[("aud", json!(PROJECT))])),
        ("every audience", altered(&[], &[("aud", json!([ORG, PROJECT]))])),
        ("type", altered(&[("typ", json!("at+jwt"))], &[])),
        ("plain type", altered(&[("typ", json!("JWT"))], &[])),
        ("algorithm", altered(&[("alg", json!("none"))], &[])),
        ("too long", altered(&[], &[("exp", json!(now + 3600))])),
        ("backwards", altered(&[], &[("iat", json!(now + 100))])),
        ("overflow", altered(&[], &[("iat", json!(i64::MIN))])),
        ("no time", altered(&[], &[("exp", json!(null))])),
    ] {
        assert_eq!(peers.verify(&token, ORG, now), Err(TokenError::Invalid), "{what}");
    }
}

#[test]
fn a_token_is_for_one_service_alone() {
    let gateway = key(ServiceName::Gateway, SEED);
    let peers = peers(&[&gateway]);
    let now = jwt::now();
    let token = gateway.sign(ORG, now);
    // Before and after it was believed and remembered.
    for _ in 0..2 {
        assert_eq!(peers.verify(token.expose_secret(), PROJECT, now), Err(TokenError::Invalid));
        assert_eq!(peers.verify(token.expose_secret(), ORG, now), Ok(ServiceName::Gateway));
    }
    // Each is kept beside the other.
    let (org, project) = (gateway.header(ORG, now), gateway.header(PROJECT, now));
    assert_ne!(org, project);
    assert_eq!((gateway.header(ORG, now), gateway.header(PROJECT, now)), (org, project));
}

#[test]
fn an_access_token_is_no_service_token() {
    // Even where identity signed access tokens with its service key.
    let text = format!("identity={}", jwt::encode_base64(&public(&SEED)));
    let peers: PeerKeys = text.parse().unwrap();
    assert_eq!(peers.verify(&access_token(&access_claims(30)), ORG, jwt::now()), Err(TokenError::Invalid));
    let claims = access_claims(30);
    let token = claims.sign("identity", &SEED).unwrap();
    assert_eq!(peers.verify(token.expose_secret(), ORG, jwt::now()), Err(TokenError::Invalid));
}

#[test]
fn a_token_is_kept_for_half_a_minute() {
    let key = key(ServiceName::Org, SEED);
    let first = key.header(ORG, 1000);
    assert_eq!(key.clone().header(ORG, 1029), first);
    let second = key.header(ORG, 1030);
    assert_ne!(second, first);
    // A clock that was put back.
    assert_ne!(key.header(ORG, 900), second);
    assert!(second.is_sensitive());
    assert!(second.to_str().unwrap().starts_with("Service ey"));
}

#[test]
fn peers_are_read_and_written() {
    let (gateway, org) = (key(ServiceName::Gateway, SEED), key(ServiceName::Org, [8; 32]));
    let text = format!("gateway={},org={}", gateway.public_key_base64(), org.public_key_base64());
    let peers: PeerKeys =
        format!(" org = {} , gateway={}", org.public_key_base64(), gateway.public_key_base64()).parse().unwrap();
    assert_eq!(peers.to_string(), text);
    assert_eq!(PeerKeys::default().to_string(), "");
}

#[test]
fn errors_name_the_entry_and_not_its_value() {
    let good = key(ServiceName::Gateway, SEED).public_key_base64();
    for (text, error) in [
        (String::new(), "entry 1 is not of the form name=key"),
        (format!("gateway={good},"), "entry 2 is not of the form name=key"),
        ("hunter2".to_owned(), "entry 1 is not of the form name=key"),
        (format!("hunter2={good}"), "entry 1 is not for gateway, identity, org or project"),
        ("org=hunter2".to_owned(), "entry org is not an Ed25519 public key: 32 bytes in base64"),
        (format!("org={good}{good}"), "entry org is not an Ed25519 public key: 32 bytes in base64"),
        (format!("org={good},org={good}"), "entry org is given twice"),
    ] {
        assert_eq!(text.parse::<PeerKeys>().unwrap_err(), error);
    }
    let error = ServiceKey::new(ServiceName::Org, &"hunter2".to_owned().into()).unwrap_err();
    assert_eq!(error, "must be an Ed25519 seed: 32 bytes in base64");
}

#[test]
fn a_generated_seed_is_a_key() {
    let (one, two) = (ServiceKey::generate_seed(), ServiceKey::generate_seed());
    assert_ne!(one.expose_secret(), two.expose_secret());
    let key = ServiceKey::new(ServiceName::Project, &one).unwrap();
    assert!(!format!("{key:?}").contains(one.expose_secret()));
    let peers = peers(&[&key]);
    let request = key.request(trellis_proto::org::v1::JoinRequest::default());
    let header = request.metadata().get("authorization").unwrap().to_str().unwrap();
    assert_eq!(peers.verify(header.strip_prefix("Service ").unwrap(), ORG, jwt::now()), Ok(ServiceName::Project));
}
