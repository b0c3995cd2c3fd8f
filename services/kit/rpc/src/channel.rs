//! Client channels: several endpoints per service, failover, keepalive, deadlines and trace context on every call.

use std::{
    error::Error,
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, request::Parts};
use tokio::time::Instant;
use tonic::{Status, TimeoutExpired, body::Body, transport};
use tower::{Service, ServiceExt};

use crate::{
    Problem, Tls,
    call::{GRPC_TIMEOUT, STARTING},
    deadline::{deadline_left, format_timeout, parse_timeout},
    endpoint::Endpoint,
    tls,
    unsent::UnsentBody,
};

/// The deadline of a call whose caller sets none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(12);

/// How long one endpoint of several may take to connect before the next one is asked.
const PATIENCE: Duration = Duration::from_millis(1100);

/// Where a service is reached: `http://host:port` or `https://host:port`, several separated by commas. For the latter
/// [`Tls::endpoints`] reads them; without its certificates no call gets through.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    uris: Vec<Uri>,
    tls: Tls,
}

impl Endpoints {
    pub(crate) fn uris(&self) -> impl Iterator<Item = &Uri> {
        self.uris.iter()
    }

    /// Whoever calls this has compared schemes and hosts with it.
    pub(crate) fn over(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }
}

impl FromStr for Endpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uris = text
            .split(',')
            .map(|part| {
                part.trim()
                    .parse::<Uri>()
                    .ok()
                    .filter(|uri| {
                        matches!(uri.scheme_str(), Some("http" | "https"))
                            && uri.port().is_some()
                            && uri.path_and_query().is_none_or(|path| path == "/")
                            && !uri.authority().is_some_and(|host| host.as_str().contains('@'))
                    })
                    .ok_or("must be http://host:port or https://host:port, or several of these separated by commas")
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { uris, tls: Tls::default() })
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, uri) in self.uris.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let uri = uri.to_string();
            write!(f, "{separator}{}", uri.trim_end_matches('/'))?;
        }
        Ok(())
    }
}

/// A cheap-to-clone channel to one service. Connects lazily; a call that meets no living endpoint fails as
/// `unavailable` within its deadline (default 12 s).
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

struct Shared {
    endpoints: Vec<Endpoint>,
    /// Where the next call begins to look.
    next: AtomicUsize,
}

impl Channel {
    /// Needs a Tokio runtime, on which the connections live.
    pub fn new(endpoints: &Endpoints) -> Self {
        let each = endpoints.uris.iter().map(|uri| Endpoint::new(uri.clone(), &endpoints.tls));
        Self { shared: Arc::new(Shared { endpoints: each.collect(), next: AtomicUsize::new(0) }) }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    /// `unavailable` with the details of a `Problem`, or `deadline_exceeded`.
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Readiness is that of an endpoint, and counts against the deadline: see `call`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        let (mut head, body) = request.into_parts();
        trellis_telemetry::inject(&mut head.headers);
        let deadline = Instant::now() + limit(&head);
        Box::pin(async move {
            if deadline <= Instant::now() {
                return Err(deadline_exceeded());
            }
            tokio::time::timeout_at(deadline, shared.send(head, body, deadline))
                .await
                .unwrap_or_else(|_elapsed| Err(deadline_exceeded()))
        })
    }
}

impl Shared {
    /// Asks one endpoint after the other, for as long as the one before has certainly not got the call.
    async fn send(&self, head: Parts, body: Body, deadline: Instant) -> Result<Response<Body>, Status> {
        let mut body = body;
        let mut asked = Vec::with_capacity(self.endpoints.len());
        // A lone endpoint is asked twice: its connection may have died since the last call.
        for _ in 0..self.endpoints.len().max(2) {
            let Some(index) = self.pick(&asked) else {
                break;
            };
            asked.push(index);
            match self.ask(&self.endpoints[index], &head, body, deadline).await {
                Ok(response) => return Ok(response),
                Err(Failure::Unsent(unsent)) => body = unsent,
                Err(Failure::Lost) => break,
                Err(Failure::Late) => return Err(deadline_exceeded()),
            }
        }
        Err(Problem::unavailable("A service that this needs does not answer; please try again.").into())
    }

    /// Sends the call to one endpoint.
    async fn ask(
        &self,
        endpoint: &Endpoint,
        head: &Parts,
        body: Body,
        deadline: Instant,
    ) -> Result<Response<Body>, Failure> {
        let (body, unsent) = UnsentBody::new(body);
        let mut head = head.clone();
        let left = deadline.saturating_duration_since(Instant::now());
        if let Ok(value) = HeaderValue::try_from(format_timeout(left)) {
            head.headers.insert(GRPC_TIMEOUT, value);
        }

        let mut channel = endpoint.channel();
        let request = Request::from_parts(head, Body::new(body));
        let sending = async { channel.ready().await?.call(request).await };
        tokio::pin!(sending);
        let result = tokio::select! {
            biased;
            result = &mut sending => result,
            // Waiting on is right once the call is on its way, and where there is nobody else to ask.
            Some(body) = unsent.still_after(PATIENCE), if self.endpoints.len() > 1 => {
                endpoint.failed();
                return Err(Failure::Unsent(body));
            }
        };
        match result {
            Ok(response) => {
                if response.headers().contains_key(STARTING) {
                    endpoint.failed();
                } else {
                    endpoint.answered();
                }
                Ok(response)
            }
            // tonic keeps the deadline as well, and may be first; that a handler is slow is no fault of the endpoint.
            Err(error) if is_timeout(&error) => Err(Failure::Late),
            Err(error) => {
                endpoint.failed();
                let error: &dyn Error = &error;
                tracing::debug!(endpoint = %endpoint, error, "an endpoint does not answer");
                if let Some(why) = tls::failure(error)
                    && endpoint.may_tell()
                {
                    tracing::warn!(endpoint = %endpoint, "TLS fails: {why}");
                }
                Err(unsent.take().map_or(Failure::Lost, Failure::Unsent))
            }
        }
    }

    /// In turn, those that did not just fail first; none is asked twice before each was asked once.
    fn pick(&self, asked: &[usize]) -> Option<usize> {
        let count = self.endpoints.len();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = || (0..count).map(|offset| (start.wrapping_add(offset)) % count);
        let unasked = || turn().filter(|index| !asked.contains(index));
        unasked().find(|index| self.endpoints[*index].admits()).or_else(|| unasked().next()).or_else(|| turn().next())
    }
}

/// Why one endpoint gave no answer.
enum Failure {
    /// It certainly did not get the call; here is the body back.
    Unsent(Body),
    /// It may have got the call.
    Lost,
    Late,
}

fn is_timeout(error: &transport::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The shortest of what the caller has left, what this call sets, and the default.
fn limit(head: &Parts) -> Duration {
    let own = head
        .headers
        .get(GRPC_TIMEOUT)
        .and_then(|value| parse_timeout(value.to_str().ok()?))
        .unwrap_or(DEFAULT_DEADLINE);
    deadline_left().map_or(own, |left| left.min(own))
}

fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_parsed_and_shown() {
        for text in ["http://127.0.0.1:7001", "http://a:1,http://b:2", "http://[::1]:7001", "https://a:1"] {
            assert_eq!(text.parse::<Endpoints>().map(|parsed| parsed.to_string()).as_deref(), Ok(text));
        }
        let spaced = "http://a:1/, http://b:2".parse::<Endpoints>();
        assert_eq!(spaced.map(|parsed| parsed.to_string()).as_deref(), Ok("http://a:1,http://b:2"));
        for wrong in ["", ",", "a:1", "http://a", "ftp://a:1", "http://a:1/path", "http://a:1,", "http://u:p@a:1"] {
            assert!(wrong.parse::<Endpoints>().is_err(), "{wrong:?}");
        }
    }
}
