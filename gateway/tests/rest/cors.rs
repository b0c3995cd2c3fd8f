//! CORS on every answer to an allowed origin.

use http::Method;

use crate::gateway::{Harness, ask};

const ALLOWED: &str = "http://localhost:5173";

#[tokio::test]
async fn a_browser_asks_first() {
    let gateway = Harness::start().await;
    let preflight = async |origin: &str, path: &str| {
        let request = ask(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", "PATCH");
        gateway.send(request.header("access-control-request-headers", "authorization,if-match").without_body()).await
    };
    for path in ["/api/v1/organizations/acme/tasks/WEB-1", "/api/v1/auth/login", "/nothing"] {
        let answer = preflight(ALLOWED, path).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-max-age"), Some("86400"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        for name in ["authorization", "content-type", "idempotency-key", "if-match", "traceparent"] {
            assert!(headers.contains(name), "{name}");
        }
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(["GET", "POST", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)));
        assert!(answer.header("x-request-id").is_some());
    }
    let answer = preflight("https://elsewhere.example", "/api/v1/me").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn every_answer_errors_included_carries_the_headers() {
    let gateway = Harness::start().await;
    for path in ["/healthz", "/nothing", "/api/v1/me", "/api/v1/organizations/acme/tasks"] {
        let answer = gateway.send(ask(Method::GET, path).header("origin", ALLOWED).without_body()).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["ETag", "Location", "Trellis-Cursor", "Retry-After", "Idempotent-Replayed", "x-request-id"] {
            assert!(exposed.contains(name), "{name}");
        }
    }
    let other = ask(Method::GET, "/healthz").header("origin", "http://localhost:5174").without_body();
    let answer = gateway.send(other).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn origins_are_a_setting() {
    let gateway = Harness::with(&[("TRELLIS_CORS_ORIGINS", "https://app.example.org")]).await;
    for (origin, allowed) in [("https://app.example.org", true), (ALLOWED, false)] {
        let answer = gateway.send(ask(Method::GET, "/healthz").header("origin", origin).without_body()).await;
        assert_eq!(answer.header("access-control-allow-origin").is_some(), allowed, "{origin}");
    }
}
