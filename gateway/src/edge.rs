//! What every request passes: its id, its trace, its measurements, its deadline, CORS, and the one shape of errors.

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tracing::{Instrument, Span, field::Empty};
use trellis_rpc::Code;
use uuid::Uuid;

use crate::{
    app::App,
    client_address,
    cors::Cors,
    drain::Leftover,
    graphql::{self, accept::Media, http::Told},
    limits::{self, standing},
    problem::{CONTENT_TYPE, Problem},
    protection::protect,
    serve::Unaddressed,
};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The calls of one request together.
const DEADLINE: Duration = Duration::from_secs(15);
/// What the address of a request may hold, and what its headers may.
const LARGEST_HEAD: usize = 32 * 1024;
/// Where a request met no route: one name, so that strangers cannot fill the metrics.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The outermost layer.
pub async fn edge(State(gateway): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = route(&request);
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{} {route}", known(&method)),
        otel.kind = "server",
        http.request.method = known(&method),
        http.route = &*route,
        http.response.status_code = Empty,
        request_id = id.to_str().unwrap_or_default(),
    );
    trellis_telemetry::extract(&span, request.headers());
    let cors = Cors::of(&method, request.headers(), &gateway.config.cors_origins);
    let graphql = graphql::http::media(request.uri().path(), request.headers());
    let leftover = watch(&mut request);
    let tls = client_address::by_tls(&gateway, request.extensions(), request.headers());

    let handled = async {
        if too_large(request.uri(), request.headers()) {
            return Problem::status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).into_response();
        }
        if request.extensions().get::<Unaddressed>().is_some() {
            let about = "The request must name its host once.";
            return Problem::invalid_request(about).field("Host", "invalid", "must be given once").into_response();
        }
        if cors.preflight {
            return StatusCode::NO_CONTENT.into_response();
        }
        if is_work(request.uri()) && !gateway.has_started() {
            return Problem::of(Code::Unavailable, "The gateway is starting.").into_response();
        }
        if let Err(problem) = limits::edge::admit(&gateway, &mut request) {
            return problem.into_response();
        }
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answer.unwrap_or_else(|_| {
            tracing::error!("a handler panicked");
            Problem::internal().into_response()
        })
    };
    let handled = standing::noted(trellis_rpc::with_deadline(DEADLINE, handled));
    let (mut response, standing) = handled.instrument(span.clone()).await;

    if let Some(leftover) = leftover {
        leftover.drain();
    }
    let code = in_one_shape(&mut response, &id, graphql);
    protect(response.headers_mut(), tls);
    standing.put_headers(&gateway.limits, response.headers_mut());
    cors.decorate(response.headers_mut());
    response.headers_mut().insert(REQUEST_ID, id);
    measure(&span, &method, route, response.status(), code.as_deref(), started);
    response
}

/// What needs to know who asks, other than what is said of the gateway itself: at the start it is refused with a status
/// that every client understands, by GraphQL too, and goes elsewhere.
fn is_work(uri: &Uri) -> bool {
    ["/api/", "/graphql", "/ws/"].iter().any(|work| uri.path().starts_with(work))
}

/// The client's own id where it is a sane one, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
    };
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::now_v7().simple().encode_lower(&mut text);
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// The route's pattern; never the path, of which there are as many as there are things.
fn route(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        Some(path) if !path.as_str().contains("__private") => path.as_str().to_owned(),
        _ => UNMATCHED.to_owned(),
    }
}

fn too_large(uri: &Uri, headers: &HeaderMap) -> bool {
    let address = uri.path().len() + uri.query().map_or(0, str::len);
    // A colon, a space and the line break stand around each.
    let lines: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    address > LARGEST_HEAD || lines > LARGEST_HEAD
}

/// Keeps an eye on a body that may not be read to its end. A client that waits to be told to send it is not told.
fn watch(request: &mut Request) -> Option<Leftover> {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return None;
    }
    let leftover = Leftover::default();
    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = leftover.watch(body);
    Some(leftover)
}

/// Gives every refusal, wherever it comes from, the body of a problem (at the address of GraphQL, that of an error
/// there); gives back its code.
fn in_one_shape(response: &mut Response, id: &HeaderValue, graphql: Option<Media>) -> Option<Cow<'static, str>> {
    if let Some(Told(code)) = response.extensions_mut().remove() {
        return code.map(Cow::Owned);
    }
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if status.is_client_error() || status.is_server_error() => Problem::status(status),
        None => return None,
    };
    *response.status_mut() = problem.http_status();
    let headers = response.headers_mut();
    problem.put_headers(headers);
    headers.remove(header::CONTENT_LENGTH);
    let (kind, body) = match graphql {
        Some(media) => (media.content_type(), graphql::http::refusal(&problem)),
        None => (CONTENT_TYPE, problem.body(id.to_str().unwrap_or_default())),
    };
    headers.insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = body.into();
    Some(problem.code().into())
}

fn measure(span: &Span, method: &Method, route: String, status: StatusCode, code: Option<&str>, started: Instant) {
    let took = started.elapsed();
    span.record("http.response.status_code", status.as_u16());
    let _entered = span.enter();
    let milliseconds = took.as_secs_f64() * 1000.0;
    // A probe that finds the gateway unready is answered, not failed; why it is unready is said where it is found out.
    if status.is_server_error() && route != "/readyz" {
        tracing::warn!(status = status.as_u16(), code, milliseconds, "request failed");
    } else {
        tracing::debug!(status = status.as_u16(), code, milliseconds, "request done");
    }
    let method = known(method);
    count(method, &route, status);
    metrics::histogram!("http_server_duration_seconds", "method" => method, "route" => route).record(took);
}

/// A request and how it was answered.
pub(crate) fn count(method: &'static str, route: &str, status: StatusCode) {
    let counted = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!("http_server_requests_total", &counted).increment(1);
}

/// Methods can be made up.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
