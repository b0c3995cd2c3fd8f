//! What strangers send, for fuzz targets (`make fuzz`): heads of requests, bodies, cursors; documents and messages have
//! theirs in their own rooms. The same runs as ordinary tests, with the same seeds.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    auth,
    body::{Clearable, Decode, Fields},
    client_address::{Networks, client_address},
    conditional::IfMatch,
    cors::Cors,
    cursor::Cursor,
    graphql::{accept, http as graphql},
    idempotency,
    params::decoded,
    problem::Problem,
    query::{PAGE, Query, TASKS},
};
pub use crate::{
    graphql::fuzzing::{documents, requests},
    live::fuzzing::said,
};

crate::body! {
    /// One field of each kind.
    pub struct Sample {
        title: String,
        status: Option<String>,
        #[schema(value_type = Option<String>)]
        due_date: Clearable,
    }
}

/// The first line is the query of an address; each other one is a header.
pub fn heads(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    for line in lines.take(64) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    address(&first);
    whose(&headers);
    conditions(&headers);
    let _ = (accept::Media::of(&headers), accept::wants_page(&headers), graphql::media("/graphql", &headers));
    let mut answered = HeaderMap::new();
    let nobody = "none".parse().expect("a list of origins");
    let cors = Cors::of(&Method::OPTIONS, &headers, &nobody);
    cors.decorate(&mut answered);
    assert!(!answered.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "no origin is allowed here");
}

fn address(query: &str) {
    if let Some(text) = decoded(query) {
        assert!(!text.contains('\0') && text.len() <= query.len());
    }
    match Query::parse(Some(query), TASKS) {
        Ok(mut query) => {
            for name in ["status", "assignee", "q", "due_before", "due_after", "sort"] {
                assert!(!query.take(name).contains('\0'));
            }
            if let Ok((limit, cursor)) = query.page() {
                assert!(limit <= 100);
                cursors(&cursor);
            }
        }
        Err(problem) => told(&problem),
    }
    if let Err(problem) = Query::parse(Some(query), PAGE) {
        told(&problem);
    }
    let _ = query.parse::<Networks>();
}

fn whose(headers: &HeaderMap) {
    let proxy = SocketAddr::from(([10, 0, 0, 1], 443));
    let trusted: Networks = "10.0.0.0/8, fd00::/8".parse().expect("networks");
    let _ = client_address(proxy, headers, &trusted);
    assert_eq!(client_address(proxy, headers, &Networks::default()), proxy.ip(), "nobody is believed");
    match auth::presented(headers) {
        Ok(token) => assert!(token.is_none_or(|token| token.trim() == token)),
        Err(problem) => told(&problem),
    }
}

fn conditions(headers: &HeaderMap) {
    for value in headers.get_all(header::IF_MATCH) {
        if let Some(IfMatch::OneOf(versions)) = value.to_str().ok().and_then(IfMatch::parse) {
            assert!(versions.len() <= value.len());
        }
    }
    for value in headers.get_all(idempotency::HEADER) {
        match idempotency::key(value, "POST /x", &Bytes::new()) {
            Ok(key) => assert!((1..=64).contains(&key.key.len()) && key.key.is_ascii()),
            Err(problem) => told(&problem),
        }
    }
}

/// A body of REST.
pub fn bodies(bytes: &[u8]) {
    match Fields::parse(bytes) {
        Ok(mut fields) => {
            let sample = Sample::decode(&mut fields);
            match fields.finish() {
                Ok(absent) => {
                    assert!(absent.iter().all(|name| *name == "title"), "nothing else is required");
                    assert!(!sample.title.contains('\0'));
                }
                Err(problem) => told(&problem),
            }
        }
        Err(problem) => told(&problem),
    }
}

/// A refusal is the client's fault, is JSON, and is no larger than what was sent would make anyone expect.
fn told(problem: &Problem) {
    assert!(problem.http_status().is_client_error());
    let body = problem.body("id");
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    assert!(body.len() < 512 * 1024, "{} bytes", body.len());
    problem.put_headers(&mut HeaderMap::new());
}

/// A cursor of live events.
pub fn cursors(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text, "there is one spelling");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Runs what a target runs on each of its seeds.
    fn seeds(target: &str, run: impl Fn(&[u8])) {
        let folder = format!("{}/../tests/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            run(&std::fs::read(seed.expect("a file").path()).expect("a readable file"));
        }
    }

    #[test]
    fn seeds_of_all_targets() {
        let text = |run: fn(&str)| move |bytes: &[u8]| run(&String::from_utf8_lossy(bytes));
        seeds("heads", super::heads);
        seeds("bodies", super::bodies);
        seeds("cursors", text(super::cursors));
        seeds("frames", text(super::said));
        seeds("frames", text(super::requests));
        seeds("documents", text(super::documents));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in any::<Vec<u8>>()) {
            super::heads(&bytes);
            super::bodies(&bytes);
            let text = String::from_utf8_lossy(&bytes);
            super::cursors(&text);
            super::said(&text);
            super::requests(&text);
            super::documents(&text);
        }

        #[test]
        fn heads_that_are_nearly_right(
            query in "((q|sort|limit|cursor|x)?=?[%0-9a-f+&=é]{0,6}&?){0,5}",
            forwarded in "((for=)?\"?\\[?[0-9a-f:.]{0,20}\\]?\"?[;,]?){0,4}",
            token in "(Bearer|jwt|Basic)? ?[a-z.]{0,10}",
            tags in "(W/)?(\"[0-9!]{0,3}\"?,? ?){0,4}",
        ) {
            let head = format!(
                "{query}\nx-forwarded-for: {forwarded}\nforwarded: {forwarded}\nauthorization: {token}\nif-match: {tags}\n"
            );
            super::heads(head.as_bytes());
        }

        #[test]
        fn documents_that_are_nearly_right(document in "([{}()\\[\\]:$@!\"#,|=&]|\\.\\.\\.|on|query|fragment|a|b|1|\n| ){0,60}") {
            super::documents(&document);
        }
    }
}
