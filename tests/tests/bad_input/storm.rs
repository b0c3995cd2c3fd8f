//! Odd headers, paths and JSON at every kind of route: 4xx in the one shape with a request's id, never a 5xx, no hang.

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use trellis_tests::{Answer, Api, Session, patiently};

/// Routes of every kind: signed out, signed in, behind the gate of an organization, of GraphQL, of sockets, of nobody.
fn routes(org: &str) -> Vec<(Method, String)> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let at = |path: &str| format!("/organizations/{org}{path}");
    vec![
        (post.clone(), "/auth/login".into()),
        (post.clone(), "/auth/refresh".into()),
        (get.clone(), "/me".into()),
        (patch.clone(), "/me".into()),
        (delete.clone(), "/me/sessions/x".into()),
        (get.clone(), at("")),
        (post.clone(), at("/projects")),
        (get.clone(), at("/tasks")),
        (patch, at("/tasks/WEB-1")),
        (delete, at("/comments/x")),
        (Method::PUT, at("/tasks/WEB-1/watch")),
        (get.clone(), "/me/notifications".into()),
        (post.clone(), "/me/notifications/x/read".into()),
        (get.clone(), "/live".into()),
        (get.clone(), "//graphql".into()),
        (post, "//graphql".into()),
        (get.clone(), "//healthz".into()),
        (get, "//nothing".into()),
    ]
}

/// Refused in the one shape, or taken; never our fault. So many requests may now and then be too many for a moment, so
/// they are sent patiently; what is never answered otherwise is our fault.
fn sound(answer: &Answer, what: &str) {
    assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.text);
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    if answer.status.is_client_error() {
        shaped(answer, what);
    }
}

fn refused(answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text);
    sound(answer, what);
}

fn shaped(answer: &Answer, what: &str) {
    if answer.body["errors"][0]["extensions"]["code"].is_string() {
        assert!(answer.header("content-type").contains("json"), "{what}");
        return;
    }
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {}", answer.text);
    assert_eq!(answer.body["status"], answer.status.as_u16(), "{what}: {}", answer.text);
    assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{what}: {}", answer.text);
    assert!(answer.body["code"].is_string(), "{what}: {}", answer.text);
}

async fn ada() -> (Session, String) {
    let ada = Api::shared().register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    (ada, org)
}

/// Sends bytes that the usual client of tests would not take for a header.
async fn send(session: &Session, method: &Method, path: &str, name: &str, value: &[u8]) -> Answer {
    let url = match path.strip_prefix("//") {
        Some(absolute) => format!("{}/{absolute}", session.api.base),
        None => format!("{}/api/v1{path}", session.api.base),
    };
    let value = reqwest::header::HeaderValue::from_bytes(value).expect("a header may hold it");
    let mut request = session.api.http.request(method.clone(), url).header(name, value);
    if name != "authorization" {
        request = request.bearer_auth(&session.token);
    }
    if matches!(*method, Method::POST | Method::PATCH) {
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        request = request.body("{}");
    }
    let response = request.send().await.expect("the gateway answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("the answer is text");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
}

#[tokio::test]
async fn odd_headers_at_every_route() {
    let (ada, org) = ada().await;
    let long = "x".repeat(20_000);
    let values: [&[u8]; 12] = [
        b"",
        b" ",
        b",;=\"",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"\"",
        b"*",
        b"null",
        b"-1",
        b"99999999999999999999",
        b"a, b, \"c",
        long.as_bytes(),
    ];
    let names = [
        "authorization",
        "accept",
        "accept-encoding",
        "accept-language",
        "content-type",
        "content-encoding",
        "cookie",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "origin",
        "range",
        "user-agent",
        "x-request-id",
        "traceparent",
        "tracestate",
        "x-forwarded-for",
        "x-forwarded-proto",
        "forwarded",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "x-http-method-override",
        "expect",
    ];
    for (method, path) in routes(&org) {
        let mut sending = Vec::new();
        for name in names {
            for value in values {
                // What the client of this test would act upon itself.
                if name == "expect" && value == b"100-continue" {
                    continue;
                }
                let (ada, method, path) = (&ada, &method, &path);
                sending.push(async move {
                    let shown = String::from_utf8_lossy(&value[..value.len().min(30)]).into_owned();
                    let answer = patiently(|| send(ada, method, path, name, value)).await;
                    sound(&answer, &format!("{method} {path} {name}: {shown:?}"));
                });
            }
        }
        // Enough at once to be quick, and no more than anybody's pages send.
        stream::iter(sending).buffer_unordered(16).collect::<()>().await;
    }
}

#[tokio::test]
async fn odd_paths() {
    let (ada, org) = ada().await;
    let tricks = [
        "%",
        "%2",
        "%zz",
        "%00",
        "%0a",
        "%0d%0a",
        "%2f",
        "%2F..%2F",
        "..",
        ".",
        "%2e%2e",
        "%252e%252e",
        "%c0%ae",
        "%c0%af",
        "%e0%80%af",
        "%ff",
        "%ed%a0%80",
        "%f4%90%80%80",
        "%f8%88%80%80%80",
        "%E2%80%AE",
        "%3b",
        ";x=1",
        "a%20b",
        "\\..\\",
        "{org}",
        "*",
        "*rest",
        ":org",
        "~root",
        "con",
        "%f0%9f%90%88",
        "'",
        "%27%20or%201=1--",
        "$(id)",
        "%25n",
    ];
    for trick in tricks {
        for path in [
            format!("/organizations/{trick}"),
            format!("/organizations/{trick}/projects"),
            format!("/organizations/{org}/projects/{trick}"),
            format!("/organizations/{org}/tasks/{trick}"),
            format!("/organizations/{org}/tasks/WEB-1{trick}/comments"),
            format!("//docs/{trick}"),
            format!("//graphql/assets/{trick}"),
            format!("//ws/tasks/{org}/{trick}/comments/"),
            format!("//{trick}"),
        ] {
            let answer = raw_get(&ada, &path).await;
            // An encoded slash is the page of the documentation itself.
            let page = path == "//docs/%2f" && answer.0 == 200;
            assert!(page || (400..500).contains(&answer.0), "{path}: {answer:?}");
            assert!(answer.1.contains("x-request-id: "), "{path}: {answer:?}");
            assert!(page || answer.1.contains("application/problem+json"), "{path}: {answer:?}");
        }
    }
}

/// As it stands: clients tidy addresses up before they send them. Gives the status and all of the answer.
async fn raw_get(session: &Session, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let path =
        path.strip_prefix('/').filter(|path| path.starts_with('/')).map_or(format!("/api/v1{path}"), str::to_owned);
    let host = session.api.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("the gateway listens");
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        session.token
    );
    stream.write_all(head.as_bytes()).await.expect("the gateway reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the gateway answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

#[tokio::test]
async fn odd_json() {
    let (ada, org) = ada().await;
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let many = (0..20_000).map(|n| format!("\"f{n}\":0")).collect::<Vec<_>>().join(",");
    let bodies = [
        nested("[", "]", 100_000),
        nested("{\"a\":", "}", 40_000),
        format!("{{\"name\":{}}}", nested("[", "]", 100_000)),
        format!("{{{many}}}"),
        "{\"name\":\"a\",\"name\":\"b\"}".to_owned(),
        "{\"name\":\"\\ud800\"}".to_owned(),
        "{\"name\":\"\\udc00\\ud800\"}".to_owned(),
        "{\"name\":\"\\u0000\"}".to_owned(),
        "\u{feff}{\"name\":\"x\"}".to_owned(),
        "{\"name\":1e999999}".to_owned(),
        format!("{{\"name\":{}}}", "9".repeat(100_000)),
        "{\"name\":-0.0,\"__proto__\":{}}".to_owned(),
        "{'name':'x'}".to_owned(),
        "{name:\"x\"}".to_owned(),
        "{\"name\":NaN}".to_owned(),
        "{\"name\":\"x\"} trailing".to_owned(),
        "{\"name\":\"a\nb\"}".to_owned(),
        "{\"name\":undefined}".to_owned(),
        "/* c */{\"name\":\"x\"}".to_owned(),
    ];
    let bearer = format!("Bearer {}", ada.token);
    for body in &bodies {
        for (method, path) in [
            (Method::POST, "/auth/register".to_owned()),
            (Method::PATCH, "/me".to_owned()),
            (Method::POST, format!("/organizations/{org}/projects")),
            (Method::PATCH, format!("/organizations/{org}/tasks/WEB-1")),
            (Method::POST, "//graphql".to_owned()),
        ] {
            let what = format!("{method} {path} {body:.60}");
            let headers = [("authorization", bearer.as_str())];
            let answer = patiently(|| ada.api.send(method.clone(), &path, &headers, Some(body.clone()))).await;
            refused(&answer, &what);
            assert!(answer.text.len() < 16 * 1024, "{what}: an answer of {} bytes", answer.text.len());
        }
    }
}

#[tokio::test]
async fn a_query_of_a_thousand_parameters_is_refused_shortly() {
    let (ada, org) = ada().await;
    let query = (0..3000).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    let answer = ada.get(&format!("/organizations/{org}/tasks?{query}")).await;
    assert!(answer.text.len() < 16 * 1024, "{} bytes", answer.text.len());
    answer.problem(400, "invalid_request");
}
