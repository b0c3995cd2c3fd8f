#![allow(clippy::unwrap_used)]

use super::*;

fn token(query: &str, header: Option<&str>) -> Result<String, Ending> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("authorization", header.parse().unwrap());
    }
    offered(Some(query).filter(|query| !query.is_empty()), &headers).map(|token| token.expose_secret().to_owned())
}

#[test]
fn the_token_is_in_the_query_or_in_the_header() {
    assert_eq!(token("token=a.b-c_d", None).as_deref(), Ok("a.b-c_d"));
    assert_eq!(token("x=1&token=a%2Eb", Some("Bearer c")).as_deref(), Ok("a.b"));
    assert_eq!(token("token=", Some("JWT c")).as_deref(), Ok("c"));
    for bad in [token("", None), token("token=%ff", None), token("tokens=a", Some("Basic x"))] {
        assert!(matches!(bad, Err(Ending::Token(_))));
    }
}

#[test]
fn the_close_codes_are_the_originals() {
    let code = |why: Why| why.close().map(|(code, _)| code);
    assert_eq!(code(Why::NoAccess), Some(4003));
    for ending in [Ending::Token("x"), Ending::Expired, Ending::SessionEnded] {
        assert_eq!(code(ending.into()), Some(4001));
    }
    assert_eq!(code(Ending::Restart.into()), Some(1012));
    assert_eq!(code(Ending::TooLarge.into()), Some(1009));
    assert_eq!(code(Ending::Gone.into()), None);
    assert_eq!(code(Problem::not_found("task").into()), Some(4003));
    assert_eq!(code(Problem::new(Code::TokenExpired, "x").into()), Some(4001));
    assert_eq!(code(Problem::unavailable("x").into()), Some(1013));
}
