//! CORS: which pages of other origins may call, and what they may read of the answer. And which may open sockets, which
//! browsers let every page do.

use http::{HeaderMap, HeaderValue, Method, Uri, header, uri::Authority};

use crate::config::Origins;

/// The original's clients send those of Django's list; the rest is ours.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, idempotency-key, if-match, traceparent, tracestate, user-agent, \
     x-csrftoken, x-request-id, x-requested-with",
);
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Trellis-Cursor, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, x-request-id",
);
const A_DAY: HeaderValue = HeaderValue::from_static("86400");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What a request asks of CORS, read before it is handled.
pub struct Cors {
    /// The request's origin, where it is an allowed one.
    origin: Option<HeaderValue>,
    /// A browser asks first; nothing else happens.
    pub preflight: bool,
}

impl Cors {
    pub fn of(method: &Method, headers: &HeaderMap, allowed: &Origins) -> Self {
        let origin = headers.get(header::ORIGIN);
        Self {
            preflight: method == Method::OPTIONS
                && origin.is_some()
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
            origin: origin.filter(|origin| allowed.contains(origin)).cloned(),
        }
    }

    /// Puts the headers on every answer, errors included.
    pub fn decorate(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        if self.preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, A_DAY);
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Whether the page that opens a socket may: it is one of the gateway's own, or of an allowed origin. Who names no
/// origin is no page.
pub fn may_open_socket(uri: &Uri, headers: &HeaderMap, allowed: &Origins) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            allowed.contains(origin) || own_host(uri, headers).is_some_and(|own| is_at(origin, &own))
        }
        (Some(_), Some(_)) => false,
    }
}

/// By which name the gateway was called: over HTTP/2 it is part of the address.
fn own_host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    uri.authority().cloned().or_else(|| headers.get(header::HOST)?.to_str().ok()?.parse().ok())
}

/// Of either scheme: behind a proxy that speaks TLS the gateway's own is not known.
fn is_at(origin: &HeaderValue, own: &Authority) -> bool {
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    origin.is_some_and(|origin| {
        let usual = match origin.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return false,
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
        let there = origin.authority();
        there.is_some_and(|there| there.host().eq_ignore_ascii_case(own.host()) && port(there) == port(own))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn may(origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        may_open_socket(&"/api/v1/live".parse().unwrap(), &headers, &Origins::default())
    }

    #[test]
    fn pages_of_allowed_origins_and_our_own_open_sockets() {
        for (origin, host) in [
            ("http://localhost:5173", "api.example.org"),
            ("https://api.example.org", "api.example.org"),
            ("https://api.example.org", "API.example.org:443"),
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(may(origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("https://evil.example", "api.example.org"),
            ("https://api.example.org.evil.example", "api.example.org"),
            ("https://api.example.org:8443", "api.example.org"),
            ("http://localhost:5174", "localhost:8000"),
            ("null", "null"),
            ("file://", "api.example.org"),
            ("ftp://api.example.org", "api.example.org"),
            ("chrome-extension://api.example.org", "api.example.org"),
            ("", ""),
            ("https://x@api.example.org", "y@api.example.org:1"),
        ] {
            assert!(!may(origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn over_http2_the_host_is_in_the_address() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://api.example.org"));
        let at = |uri: &str| may_open_socket(&uri.parse().unwrap(), &headers, &Origins::default());
        assert!(at("https://api.example.org/api/v1/live") && !at("https://other.example/api/v1/live"));
    }

    #[test]
    fn apps_name_no_origin_and_nobody_names_two() {
        let uri = "/api/v1/live".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert!(may_open_socket(&uri, &headers, &Origins::default()));
        for origin in ["http://localhost:5173", "https://evil.example"] {
            headers.append(header::ORIGIN, HeaderValue::from_static(origin));
        }
        assert!(!may_open_socket(&uri, &headers, &Origins::default()));
    }
}
