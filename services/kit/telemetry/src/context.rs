//! W3C trace context in and out of a process. Without a tracer (no OTLP endpoint) there is nothing to carry, and
//! every function here is next to free.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// The W3C `traceparent` of the current span; empty where there is no trace.
pub fn traceparent() -> String {
    let mut found = Traceparent(String::new());
    PROPAGATOR.inject_context(&Span::current().context(), &mut found);
    found.0
}

/// Makes `traceparent` the parent of a span; what does not parse is ignored.
pub fn continue_from(span: &Span, traceparent: &str) {
    if !traceparent.is_empty() {
        adopt(span, &Traceparent(traceparent.to_owned()));
    }
}

/// Writes the current context into outgoing headers (HTTP requests, gRPC metadata as headers).
pub fn inject(headers: &mut HeaderMap) {
    PROPAGATOR.inject_context(&Span::current().context(), &mut Headers(headers));
}

/// Makes the context of incoming headers the parent of a span.
pub fn extract(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        adopt(span, &IncomingHeaders(headers));
    }
}

fn adopt(span: &Span, carrier: &dyn Extractor) {
    let parent = PROPAGATOR.extract_with_context(&Context::new(), carrier);
    // Fails where no tracer is set up, or the span is filtered out: then there is no trace to continue.
    let _ = span.set_parent(parent);
}

/// A carrier of nothing but the `traceparent`, for rows and messages.
struct Traceparent(String);

impl Injector for Traceparent {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = value;
        }
    }
}

impl Extractor for Traceparent {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` says nothing.
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// The `traceparent` alone, which is made of digits. What clients write into `tracestate` is theirs: it is neither
/// exported nor passed on.
struct IncomingHeaders<'a>(&'a HeaderMap);

impl Extractor for IncomingHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT { self.0.get(key)?.to_str().ok() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::info_span;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn traced(test: impl FnOnce()) {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
    }

    #[test]
    fn a_trace_goes_on_through_headers_and_strings() {
        traced(|| {
            let mut incoming = HeaderMap::new();
            incoming.insert(TRACEPARENT, HeaderValue::from_static(PARENT));
            incoming.insert("tracestate", HeaderValue::from_static("vendor=whatever-a-client-writes"));
            let served = info_span!("served");
            extract(&served, &incoming);
            let mut outgoing = HeaderMap::new();
            let kept = served.in_scope(|| {
                inject(&mut outgoing);
                traceparent()
            });
            assert!(kept.contains(TRACE), "{kept}");
            assert_ne!(kept, PARENT, "the span is a child, not the parent itself");
            assert_eq!(outgoing.get(TRACEPARENT).and_then(|value| value.to_str().ok()), Some(kept.as_str()));
            assert!(!outgoing.contains_key("tracestate"));

            let relayed = info_span!("relayed");
            continue_from(&relayed, &kept);
            assert!(relayed.in_scope(traceparent).contains(TRACE));
        });
    }

    #[test]
    fn what_does_not_parse_starts_a_trace_of_its_own() {
        traced(|| {
            for wrong in ["", "nonsense", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
                let span = info_span!("span");
                continue_from(&span, wrong);
                assert!(span.in_scope(traceparent).starts_with("00-"));
            }
        });
    }

    #[test]
    fn without_a_tracer_there_is_nothing_to_carry() {
        let span = info_span!("span");
        continue_from(&span, PARENT);
        let mut outgoing = HeaderMap::new();
        span.in_scope(|| inject(&mut outgoing));
        assert!(outgoing.is_empty());
        assert_eq!(span.in_scope(traceparent), "");
    }
}
