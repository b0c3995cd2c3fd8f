//! CORS: which pages of other origins may call, and what they may read of the answer.

use http::{HeaderMap, HeaderValue, Method, header};

use crate::config::Origins;

/// The original's clients send those of Django's list; the rest is ours.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, idempotency-key, if-match, traceparent, tracestate, user-agent, \
     x-csrftoken, x-request-id, x-requested-with",
);
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Location, Trellis-Cursor, Retry-After, Idempotent-Replayed, x-request-id");
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
