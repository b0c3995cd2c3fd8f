//! Answers of handlers: JSON and the headers that go with it.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use trellis_proto::event::v1::Position;

use crate::{cursor::Cursor, idempotency, problem::Problem};

pub const TRELLIS_CURSOR: HeaderName = HeaderName::from_static("trellis-cursor");

/// What a handler gives back.
pub struct Answer<T> {
    status: StatusCode,
    body: Option<T>,
    headers: HeaderMap,
}

/// What every handler returns.
pub type Outcome<T> = Result<Answer<T>, Problem>;

/// For answers without a body.
pub enum Nothing {}

impl Serialize for Nothing {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<T> Answer<T> {
    fn new(status: StatusCode, body: Option<T>) -> Self {
        Self { status, body, headers: HeaderMap::new() }
    }

    pub fn ok(body: T) -> Self {
        Self::new(StatusCode::OK, Some(body))
    }

    /// 201. `location` is made of slugs, keys and ids, none of which needs escaping.
    pub fn created(location: &str, body: T) -> Self {
        Self::new(StatusCode::CREATED, Some(body)).header(header::LOCATION, location)
    }

    /// The object's version as its `ETag`.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.header(header::ETAG, &format!("\"{version}\""))
    }

    /// The place in the project's order that the answer reflects.
    #[must_use]
    pub fn position(self, position: Option<&Position>) -> Self {
        match position.map(Cursor::try_from) {
            Some(Ok(cursor)) => self.header(TRELLIS_CURSOR, &cursor.to_string()),
            Some(Err(_)) => {
                tracing::error!("a service gave a position that is none");
                self
            }
            None => self,
        }
    }

    /// Says so where the answer was kept from an earlier call.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        if replayed { self.header(HeaderName::from_static(idempotency::REPLAYED), "true") } else { self }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        } else {
            tracing::error!(%name, "a header cannot hold its value");
        }
        self
    }
}

impl Answer<Nothing> {
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let Some(body) = self.body else {
            return (self.status, self.headers).into_response();
        };
        match serde_json::to_vec(&body) {
            Ok(json) => {
                let json_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
                (self.status, self.headers, json_type, json).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be encoded");
                Problem::internal().into_response()
            }
        }
    }
}
