//! What happens around every call that a server gets, from the outside in: trace span, metrics, deadline, a task of
//! its own, in which a panic ends. Read `Calls::serve` from top to bottom.

use std::{convert::Infallible, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::Service;
use tracing::{Instrument, Span, field::Empty};

use crate::{
    Problem,
    deadline::{self, with_deadline},
};

/// The deadline of a call that brings none, and the latest that one may bring.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const LONGEST_DEADLINE: Duration = Duration::from_secs(30);

/// The answer has to be under way before the deadline, and before tonic's own timer for it, which says "cancelled".
const MARGIN: Duration = Duration::from_millis(3);

pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

/// Marks the refusals of a process that does not serve yet: another endpoint may.
pub(crate) const STARTING: HeaderName = HeaderName::from_static("trellis-starting");

/// Runs calls, and knows which of them still run.
#[derive(Clone)]
pub(crate) struct Calls {
    handlers: TaskTracker,
}

impl Calls {
    pub(crate) fn new(handlers: TaskTracker) -> Self {
        Self { handlers }
    }

    /// Serves one call. The handler starts at once and runs to its end, whether or not the answer is waited for.
    pub(crate) fn serve(
        &self,
        mut routes: Routes,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let method = method(&request);
        let limit = limit(request.headers());
        let started = Instant::now();

        let span = span(&method);
        trellis_telemetry::extract(&span, request.headers());

        let handler = with_deadline(limit, span.in_scope(|| routes.call(request)));
        let handler = self.handlers.spawn(handler.instrument(span.clone()));

        async move {
            let response = match tokio::time::timeout(limit, handler).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Err(failure)) => {
                    // The panic itself was reported by the panic hook.
                    tracing::error!(method, "the handler panicked: {failure}");
                    problem(Problem::internal())
                }
                Err(_elapsed) => Status::deadline_exceeded("the deadline of the call has passed").into_http(),
            };
            let code = code(&response);
            conclude(&Span::current(), code);
            measure(method, code, started.elapsed());
            Ok(response)
        }
        .instrument(span)
    }
}

/// What a process answers that does not serve its routes yet.
pub(crate) fn starting() -> Response<Body> {
    let mut response = problem(Problem::unavailable("The service is starting."));
    response.headers_mut().insert(STARTING, HeaderValue::from_static("1"));
    response
}

fn problem(problem: Problem) -> Response<Body> {
    Status::from(problem).into_http()
}

/// `trellis.identity.v1.IdentityService/Login`
fn method(request: &Request<Body>) -> String {
    request.uri().path().trim_start_matches('/').to_owned()
}

fn limit(headers: &HeaderMap) -> Duration {
    headers
        .get(GRPC_TIMEOUT)
        .and_then(|value| deadline::parse_timeout(value.to_str().ok()?))
        .map_or(DEFAULT_DEADLINE, |limit| limit.saturating_sub(MARGIN))
        .min(LONGEST_DEADLINE)
}

fn span(method: &str) -> Span {
    tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// Tells the span how the call ended; a refusal is no error of the server.
fn conclude(span: &Span, code: Code) {
    span.record("rpc.grpc.status_code", code as i32);
    let fault = matches!(code, Code::Unknown | Code::DeadlineExceeded | Code::Internal | Code::Unavailable);
    if fault {
        span.record("otel.status_code", "ERROR");
    }
}

/// The code of an answer whose head tells it: all refusals do, so no code in the head is a success.
fn code(response: &Response<Body>) -> Code {
    response.headers().get(Status::GRPC_STATUS).map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}

fn measure(method: String, code: Code, took: Duration) {
    // Made-up methods must not make up series.
    let method = if code == Code::Unimplemented { "unknown".to_owned() } else { method };
    let labels = [("method", method), ("code", format!("{code:?}"))];
    metrics::counter!("rpc_server_requests_total", &labels).increment(1);
    metrics::histogram!("rpc_server_duration_seconds", &labels).record(took);
}
