//! Bodies of requests, strictly: JSON objects of known fields, each of the right type.
//!
//! What is no JSON object, or names a field twice or one that is not known, is 400. A known field of the wrong type is
//! 422, every such field at once. Whether a value is right is for the service to say.

mod fields;

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, OriginalUri, Request},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use tonic::Status;
use trellis_authn::User;

use crate::{idempotency, problem::Problem};

use fields::required;
pub use fields::{Clearable, Decode, Field, Fields};

/// The largest body.
pub const LIMIT: usize = 256 * 1024;
/// Within the deadline of the whole request, so that a slow upload is told apart from a slow service.
const IN_TIME: Duration = Duration::from_secs(9);

/// What a client sent, decoded.
pub struct Input<T> {
    pub value: T,
    pub sent: Sent,
}

/// How it was sent: what calls and refusals have to know.
pub struct Sent {
    /// Required fields that were not sent. They go to the service as empty texts, so that it judges all fields at
    /// once; what it says about them then is put right by [`Sent::refused`].
    absent: Vec<&'static str>,
    raw: Bytes,
    operation: String,
    idempotency_key: Option<HeaderValue>,
}

impl Sent {
    fn of(parts: &mut Parts, absent: Vec<&'static str>, raw: Bytes) -> Self {
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let operation = format!("{} {path}", parts.method);
        let idempotency_key = match parts.method {
            Method::POST => parts.headers.remove(idempotency::HEADER),
            _ => None,
        };
        Self { absent, raw, operation, idempotency_key }
    }

    /// A call on behalf of the user, to be done once where the client gave a key.
    pub fn request<M>(&self, user: &User, message: M) -> Result<tonic::Request<M>, Problem> {
        let mut request = user.request(message);
        if let Some(key) = &self.idempotency_key {
            idempotency::key(key, &self.operation, &self.raw)?.attach(&mut request);
        }
        Ok(request)
    }

    /// A refusal of the service, in which a field that was not sent is called that, not empty.
    pub fn refused(&self, status: Status) -> Problem {
        let mut problem = Problem::from(status);
        for error in problem.errors_mut() {
            if let Some(absent) = self.absent.iter().find(|absent| error.field == **absent) {
                *error = required(absent);
            }
        }
        problem
    }
}

/// Of a request without a body; what is sent all the same is not read.
impl<S: Send + Sync> FromRequestParts<S> for Sent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(parts, Vec::new(), Bytes::new()))
    }
}

impl<S, T> FromRequest<S> for Input<T>
where
    S: Send + Sync,
    T: Decode,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let raw = json(&parts, body).await?;
        let mut fields = Fields::parse(&raw)?;
        let value = T::decode(&mut fields);
        let absent = fields.finish()?;
        Ok(Self { value, sent: Sent::of(&mut parts, absent, raw) })
    }
}

/// A body that says that it is JSON, whole.
pub async fn json(parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    let typed = json_type(&parts.method, &parts.headers)?;
    let raw = tokio::time::timeout(IN_TIME, read(&parts.headers, body))
        .await
        .map_err(|_| Problem::status(StatusCode::REQUEST_TIMEOUT))??;
    if raw.is_empty() {
        return Err(Problem::invalid_request("The body must be a JSON object; it is empty."));
    }
    if !typed {
        return Err(Problem::status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(raw)
}

/// `Ok(false)` where the client did not say what it sends.
fn json_type(method: &Method, headers: &HeaderMap) -> Result<bool, Problem> {
    let unsupported = || Problem::status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported());
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(false);
    };
    let value = value.to_str().map_err(|_| unsupported())?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let known = match parts.next() {
        Some("application/json") => true,
        Some("application/merge-patch+json") => method == Method::PATCH,
        _ => false,
    };
    let utf8 = parts.all(|parameter| match parameter.strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"),
        None => true,
    });
    if known && utf8 { Ok(true) } else { Err(unsupported()) }
}

/// What is left of a larger body is drained a little by the edge.
async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LIMIT) {
        return Err(Problem::payload_too_large());
    }
    let mut whole = Bytes::new();
    let mut pieces: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid_request("The body broke off."))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + pieces.len() + data.len() > LIMIT {
            return Err(Problem::payload_too_large());
        }
        if whole.is_empty() && pieces.is_empty() {
            // Nearly every body comes in one piece.
            whole = data;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.into() })
}

/// Declares the type of a body: how it is decoded and how it is documented.
#[macro_export]
macro_rules! body {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(utoipa::ToSchema)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)*
        }

        impl $crate::body::Decode for $name {
            fn decode(fields: &mut $crate::body::Fields) -> Self {
                Self { $($field: $crate::body::Field::take(fields, stringify!($field)),)* }
            }
        }
    };
}

#[cfg(test)]
mod tests;
