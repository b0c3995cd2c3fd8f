//! The global subscriber, tracer and recorder: set up once, flushed at the end.

use std::{net::SocketAddr, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt};

use crate::{TelemetryConfig, ceiling::ceiling, panics, prometheus::Exporter};

/// How long the last export may take.
const FLUSH: Duration = Duration::from_secs(3);

/// Libraries that tell more than an operator wants; a directive with the same target overrides, up to `info`, which is
/// all that libraries ever tell (see `ceiling`).
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,tonic=warn,tower=warn,rustls=warn,async_nats=warn,\
    sqlx=warn,opentelemetry=warn,opentelemetry_sdk=warn,opentelemetry-otlp=warn,trellis_telemetry=error";

/// Flushes what is not yet exported when it is dropped or shut down.
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    metrics: Option<Exporter>,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("TRELLIS_LOG: {0}")]
    Filter(String),
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Exporter(String),
    #[error("TRELLIS_METRICS_LISTEN: {0}")]
    Metrics(String),
    #[error("telemetry was started before in this process: {0}")]
    AlreadyStarted(String),
}

impl Telemetry {
    /// Sets up the global subscriber, tracer and recorder. `service` is the process's name, e.g. `trellis-org`.
    ///
    /// Needs a Tokio runtime where traces or metrics are on.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = filter(&config.filter).map_err(TelemetryError::Filter)?;
        let tracer = match &config.otlp_endpoint {
            Some(endpoint) => Some(tracer(service, endpoint, config.sample_ratio)?),
            None => None,
        };
        tracing_subscriber::registry()
            .with(filter)
            .with(ceiling())
            .with(logs(config.json))
            .with(tracer.as_ref().map(|provider| spans(provider.tracer("trellis"))))
            .try_init()
            .map_err(|error| TelemetryError::AlreadyStarted(error.to_string()))?;
        panics::log();
        let metrics = match config.metrics_listen {
            Some(listen) => Some(Exporter::start(listen).map_err(TelemetryError::Metrics)?),
            None => None,
        };
        Ok(Self { tracer, metrics })
    }

    /// Where metrics are served (for port 0).
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|exporter| exporter.address)
    }

    /// Exports what is left; takes at most 3 s.
    pub async fn shutdown(mut self) {
        if let Some(tracer) = self.tracer.take() {
            let flush = tokio::task::spawn_blocking(move || tracer.shutdown_with_timeout(FLUSH));
            // What cannot be exported now never will be, and the process ends.
            let _ = tokio::time::timeout(FLUSH, flush).await;
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.shutdown_with_timeout(FLUSH);
        }
    }
}

/// The directives given, on top of those that keep libraries quiet.
pub(crate) fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(format!("{QUIET},{directives}")).map_err(|error| error.to_string())
}

fn logs<S>(json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer();
    if json {
        // The innermost span names the call; the list of all would repeat most of it.
        layer.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        layer.boxed()
    }
}

fn spans<S>(tracer: SdkTracer) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // File, line, thread and busy time of each span cost more than they tell.
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

fn tracer(service: &'static str, endpoint: &str, sample_ratio: f64) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(FLUSH)
        .build()
        .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio))))
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}
