//! GraphiQL: a page to read the schema and try it. Everything that it is made of comes from here.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// The browser holds us to it that nothing comes from, or goes to, another host.
const OWN_ASSETS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// What has its version in its name never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $kind:literal,)*) => {
        &[$(File { name: $name, kind: $kind, bytes: include_bytes!(concat!("graphiql/", $name)) },)*]
    };
}

const FILES: &[File] = files! {
    "graphiql-3.9.0.min.css": "text/css; charset=utf-8",
    "graphiql-3.9.0.min.js": "text/javascript; charset=utf-8",
    "react-18.3.1.min.js": "text/javascript; charset=utf-8",
    "react-dom-18.3.1.min.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "example.graphql": "application/graphql; charset=utf-8",
    "LICENSES.txt": "text/plain; charset=utf-8",
};

/// What a browser gets that goes to `/graphql`.
pub fn page() -> Response {
    served("text/html; charset=utf-8", include_bytes!("graphiql/page.html"), ASK_AGAIN)
}

/// `GET /graphql/assets/{file}`
pub async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) if file.name.contains(".min.") => served(file.kind, file.bytes, FOR_EVER),
        Some(file) => served(file.kind, file.bytes, ASK_AGAIN),
        None => Problem::status(StatusCode::NOT_FOUND).into_response(),
    }
}

fn served(kind: &'static str, bytes: &'static [u8], cache: HeaderValue) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, OWN_ASSETS),
        (header::CACHE_CONTROL, cache),
        // The address gives data to those who ask for it.
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    (headers, bytes).into_response()
}
