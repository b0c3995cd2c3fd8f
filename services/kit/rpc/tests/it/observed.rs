//! What an operator sees of a call: its metrics, and one trace across the processes.

use std::sync::Once;

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

use crate::told::{METHOD, Told, tell};

/// Sets up tracing for all tests at once: tracing remembers of each span whether anybody wants it, so that a
/// subscriber of one test's thread alone would miss spans that another thread made first.
pub(crate) fn traced() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    // The recorder is that of this thread, which is the only one of its runtime.
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let told = Told::start().await;
    let client = told.client();
    tell(&client, "hello").await.unwrap();
    tell(&client, "refuse").await.unwrap_err();
    let text = handle.render();
    for code in ["Ok", "InvalidArgument"] {
        let line = format!("rpc_server_requests_total{{method=\"{METHOD}\",code=\"{code}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("rpc_server_duration_seconds"), "{text}");
}

#[tokio::test]
async fn a_trace_goes_on_in_the_handler() {
    let told = Told::start().await;
    let client = told.client();
    let (here, there) = async { (trellis_telemetry::traceparent(), tell(&client, "trace").await) }
        .instrument(tracing::info_span!("caller"))
        .await;
    let there = there.unwrap();
    let trace = |traceparent: &str| traceparent.split('-').nth(1).map(str::to_owned);
    assert!(trace(&here).is_some(), "{here}");
    assert_eq!(trace(&here), trace(&there));
    assert_ne!(here, there);
}
