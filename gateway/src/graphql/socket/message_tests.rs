#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn refused(text: &str) -> bool {
    matches!(parse(text), Err(Closing::NotUnderstood(_)))
}

#[test]
fn messages_are_understood() {
    assert!(matches!(parse(r#"{"type":"connection_init"}"#), Ok(Said::Init(payload)) if payload.is_empty()));
    assert!(matches!(parse(r#"{"type":"connection_init","payload":null}"#), Ok(Said::Init(_))));
    assert!(
        matches!(parse(r#"{"payload":{"a":1},"type":"connection_init"}"#), Ok(Said::Init(payload)) if payload.len() == 1)
    );
    assert!(matches!(parse(r#"{"type":"ping"}"#), Ok(Said::Ping(None))));
    assert!(matches!(parse(r#"{"type":"pong","payload":{"x":1}}"#), Ok(Said::Pong)));
    assert!(matches!(parse(r#"{"type":"complete","id":"1"}"#), Ok(Said::Complete { id }) if id == "1"));
    let text = r#"{"type":"subscribe","id":"a","payload":
        {"query":"{me{id}}","operationName":"","variables":{"x":[1]},"extensions":null,"other":1}}"#;
    let Ok(Said::Subscribe { id, request }) = parse(text) else { panic!() };
    assert_eq!((id.as_str(), request.query.as_str(), &request.operation_name), ("a", "{me{id}}", &None));
    assert_eq!(request.variables.get("x").unwrap().to_string(), "[1]");
    let text = r#"{"type":"subscribe","id":"a","payload":{"query":"","operationName":"A","variables":null}}"#;
    let Ok(Said::Subscribe { request, .. }) = parse(text) else { panic!() };
    assert_eq!(request.operation_name.as_deref(), Some("A"));
}

#[test]
fn anything_else_is_not() {
    let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(257));
    for text in [
        "",
        "x",
        "[]",
        "{}",
        r#"{"type":1}"#,
        r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"connection_init","payload":"x"}"#,
        r#"{"type":"connection_init","payload":[]}"#,
        r#"{"type":"ping","payload":1}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"complete","id":""}"#,
        r#"{"type":"complete","id":1}"#,
        &long,
        r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":null}"#,
        r#"{"type":"subscribe","id":"1","payload":"{a}"}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":"x"}}"#,
    ] {
        assert!(refused(text), "{text}");
    }
}

#[test]
fn the_token_is_in_the_payload() {
    let of = |payload: Value| token(payload.as_object().unwrap());
    assert_eq!(of(json!({"Authorization": "Bearer a.b"})), Ok(Some("a.b".into())));
    assert_eq!(of(json!({"x": 1, "authorization": "jwt a.b"})), Ok(Some("a.b".into())));
    assert_eq!(of(json!({"token": "a.b"})), Ok(Some("a.b".into())));
    for nobody in [
        json!({}),
        json!({"token": null, "Authorization": ""}),
        json!({"Authorization": "Bearer "}),
        json!({"authorization": "jwt"}),
        json!({"Token": "x"}),
    ] {
        assert_eq!(of(nobody), Ok(None));
    }
    for bad in [json!({"token": 1}), json!({"Authorization": "Basic x"}), json!({"Authorization": "Bearer a\nb"})] {
        assert_eq!(of(bad), Err(Closing::Forbidden));
    }
}

#[test]
fn frames_are_those_of_the_protocol() {
    assert_eq!(acknowledged().as_str(), r#"{"type":"connection_ack"}"#);
    assert_eq!(pong(None).as_str(), r#"{"type":"pong"}"#);
    let payload = RawValue::from_string(r#"{"a": 1.50}"#.into()).unwrap();
    assert_eq!(pong(Some(&payload)).as_str(), r#"{"type":"pong","payload":{"a": 1.50}}"#);
    assert_eq!(complete("x").as_str(), r#"{"type":"complete","id":"x"}"#);
    let response = Response::new(async_graphql::value!({"a": 1}));
    assert_eq!(next("x", &response).as_str(), r#"{"type":"next","id":"x","payload":{"data":{"a":1}}}"#);
    let errors = [ServerError::new("no", None)];
    assert_eq!(error("x", &errors).as_str(), r#"{"type":"error","id":"x","payload":[{"message":"no"}]}"#);
}

#[test]
fn the_close_codes_are_those_of_the_protocol() {
    let code = |closing: Closing| closing.close().map(|(code, _)| code);
    assert_eq!(Closing::Forbidden.close(), Some((4403, "Forbidden".into())));
    assert_eq!(code(Closing::NotUnderstood("x")), Some(4400));
    assert_eq!(code(Closing::NotAcknowledged), Some(4401));
    assert_eq!(code(Closing::Subprotocol), Some(4406));
    assert_eq!(code(Closing::NoInit), Some(4408));
    assert_eq!(code(Closing::SecondInit), Some(4429));
    assert_eq!(Closing::InUse("a".into()).close(), Some((4409, "Subscriber for a already exists".into())));
    assert_eq!(code(Ending::Expired.into()), Some(4403));
    assert_eq!(code(Ending::SessionEnded.into()), Some(4401));
    assert_eq!(code(Ending::Restart.into()), Some(1012));
    assert_eq!(code(Ending::TooLarge.into()), Some(1009));
    assert_eq!(code(Ending::Gone.into()), None);
    let (_, reason) = Closing::InUse("é".repeat(100)).close().unwrap();
    assert!(reason.len() <= LONGEST_REASON && reason.contains("éé already exists"), "{reason}");
}
