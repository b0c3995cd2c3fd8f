//! Client channels: several endpoints per service, failover, keepalive, deadlines and trace context on every call.
//!
//! A call that certainly was not begun goes elsewhere. Of one that may have been, only what may be made twice
//! ([`Repeat`]) is made again; a read also while the first endpoint keeps it waiting.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, request::Parts};
use rand::RngExt as _;
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::{Service, ServiceExt};

use crate::{
    Endpoints, Problem,
    attempt::{Attempt, Failure, is_timeout},
    call::{GRPC_TIMEOUT, STARTING},
    deadline::{deadline_left, format_timeout, parse_timeout},
    endpoint::Endpoint,
    kept::{KeptBody, SentBody},
    repeat::{Budget, Repeat},
    tls,
};

/// The deadline of a call whose caller sets none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(12);

/// How long one endpoint of several may take to connect before the next one is asked.
const PATIENCE: Duration = Duration::from_millis(1100);

/// How long a read is left to one endpoint before another is asked besides.
const HEDGE: Duration = Duration::from_millis(300);

/// Milliseconds before a call with an idempotency key is made once more, while the endpoint that was lost still works on
/// it or the database has not noticed that it is gone.
const IN_FLIGHT: [u64; 4] = [50, 150, 400, 1000];

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
    budget: Budget,
}

impl Channel {
    /// Needs a Tokio runtime, on which the connections live.
    pub fn new(endpoints: &Endpoints) -> Self {
        let each = endpoints.uris().map(|uri| Endpoint::new(uri.clone(), endpoints.tls()));
        let shared = Shared { endpoints: each.collect(), next: AtomicUsize::new(0), budget: Budget::default() };
        Self { shared: Arc::new(shared) }
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
    /// Asks one endpoint after the other, for as long as the one before has certainly not begun with the call; and once
    /// more where that is not certain, if the call is one that may be made twice.
    async fn send(&self, head: Parts, mut body: Body, deadline: Instant) -> Result<Response<Body>, Status> {
        let repeat = Repeat::of(&head);
        let mut asked = Vec::with_capacity(self.endpoints.len());
        // A lone endpoint is asked twice: its connection may have died since the last call.
        let mut tries = if self.endpoints.is_empty() { 0 } else { self.endpoints.len().max(2) };
        let mut lost = false;
        let mut pauses = IN_FLIGHT.iter();
        while tries > 0 {
            tries -= 1;
            let (sent, kept) = KeptBody::new(body);
            let attempt = Attempt { head: &head, deadline, repeat, kept: &kept };
            match self.attempt(&attempt, sent, &mut asked).await {
                Ok(response) => {
                    if lost
                        && repeat.is_in_flight(&response)
                        && let Some(pause) = pauses.next()
                        && let Some(again) = kept.again()
                    {
                        tokio::time::sleep(Duration::from_millis(*pause)).await;
                        (body, tries) = (again, 1);
                        continue;
                    }
                    self.budget.earn();
                    return Ok(response);
                }
                Err(Failure::Unsent(unsent)) => body = unsent,
                Err(Failure::Lost) => {
                    let may = repeat != Repeat::Never && !lost && self.budget.spend();
                    let Some(again) = may.then(|| kept.again()).flatten() else { break };
                    let jitter = rand::rng().random_range(5..30);
                    tokio::time::sleep(Duration::from_millis(jitter)).await;
                    (body, tries, lost) = (again, tries.max(1), true);
                }
                Err(Failure::Late) => return Err(deadline_exceeded()),
            }
        }
        Err(Problem::unavailable("A service that this needs does not answer; please try again.").into())
    }

    /// Sends the call to one endpoint. A read that waits there for long goes to another one besides; the first answer
    /// counts.
    async fn attempt(
        &self,
        attempt: &Attempt<'_>,
        body: SentBody,
        asked: &mut Vec<usize>,
    ) -> Result<Response<Body>, Failure> {
        let first = self.pick(asked, attempt.repeat == Repeat::Read);
        asked.push(first);
        let asking = self.ask(&self.endpoints[first], attempt, body);
        tokio::pin!(asking);
        if attempt.repeat == Repeat::Read && self.endpoints.len() > 1 {
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                () = tokio::time::sleep(HEDGE) => {}
            }
            if let Some((second, body)) = self.second(attempt.kept, asked) {
                asked.push(second);
                let (body, kept) = KeptBody::new(body);
                let attempt = Attempt { kept: &kept, ..*attempt };
                return self.race(asking, self.ask(&self.endpoints[second], &attempt, body)).await;
            }
        }
        asking.await
    }

    /// Who else is asked, and with what.
    fn second(&self, kept: &KeptBody, asked: &[usize]) -> Option<(usize, Body)> {
        let second = self.turn().find(|index| !asked.contains(index) && self.endpoints[*index].admits(true))?;
        Some((second, self.budget.spend().then(|| kept.again()).flatten()?))
    }

    async fn race(
        &self,
        first: impl Future<Output = Result<Response<Body>, Failure>>,
        second: impl Future<Output = Result<Response<Body>, Failure>>,
    ) -> Result<Response<Body>, Failure> {
        tokio::pin!(first, second);
        let (failure, other) = tokio::select! {
            biased;
            answer = &mut first => match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => (failure, second.await),
            },
            answer = &mut second => match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => (failure, first.await),
            },
        };
        // Either has the body where it did not send it, and it is a read: it may be sent again, whatever the other did.
        other.map_err(|other| match (failure, other) {
            (Failure::Unsent(body), _) | (_, Failure::Unsent(body)) => Failure::Unsent(body),
            (Failure::Late, Failure::Late) => Failure::Late,
            _ => Failure::Lost,
        })
    }

    /// Sends the call to this endpoint.
    async fn ask(&self, endpoint: &Endpoint, attempt: &Attempt<'_>, body: SentBody) -> Result<Response<Body>, Failure> {
        let kept = attempt.kept;
        let mut head = attempt.head.clone();
        let left = attempt.deadline.saturating_duration_since(Instant::now());
        if let Ok(value) = HeaderValue::try_from(format_timeout(left)) {
            head.headers.insert(GRPC_TIMEOUT, value);
        }

        let several = self.endpoints.len() > 1;
        let mut asked = endpoint.ask();
        let mut channel = endpoint.channel();
        let request = Request::from_parts(head, Body::new(body));
        let sending = async { channel.ready().await?.call(request).await };
        tokio::pin!(sending);
        let result = tokio::select! {
            biased;
            result = &mut sending => result,
            // Waiting on is right once the call is on its way, and where there is nobody else to ask.
            Some(body) = kept.still_after(PATIENCE), if several => {
                endpoint.failed();
                return Err(Failure::Unsent(body));
            }
        };
        match result {
            Ok(response) if response.headers().contains_key(STARTING) => {
                asked.heard();
                endpoint.failed();
                // It has begun nothing yet, whatever was sent.
                match several.then(|| kept.again()).flatten() {
                    Some(body) => Err(Failure::Unsent(body)),
                    None => Ok(response),
                }
            }
            Ok(response) => {
                asked.answered();
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
                Err(kept.take().map_or(Failure::Lost, Failure::Unsent))
            }
        }
    }

    /// In turn, those that did not just fail and are not silent first; none is asked twice before each was asked once.
    fn pick(&self, asked: &[usize], light: bool) -> usize {
        let turn: Vec<usize> = self.turn().collect();
        let mut unasked = turn.iter().copied().filter(|index| !asked.contains(index));
        let willing = |index: &usize| self.endpoints[*index].admits(light);
        unasked
            .clone()
            .find(willing)
            .or_else(|| unasked.next())
            .or_else(|| turn.iter().copied().find(willing))
            .unwrap_or(turn[0])
    }

    /// All endpoints, each time beginning with the next one.
    fn turn(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.endpoints.len();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count).map(move |offset| start.wrapping_add(offset) % count)
    }
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
