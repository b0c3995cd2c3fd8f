//! Traces as a collector gets them. One test: the subscriber is global to the process.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{service::Routes, transport::Server};
use trellis_telemetry::{Telemetry, TelemetryConfig};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_exports_the_spans_that_are_left() {
    let (exported, mut exports) = mpsc::unbounded_channel();
    let collector = Router::new().route(
        EXPORT,
        post(move |body: Bytes| {
            exported.send(body).unwrap();
            // An empty message, and the status in the head.
            async { ([("content-type", "application/grpc"), ("grpc-status", "0")], &[0_u8; 5][..]) }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().serve_with_incoming(Routes::from(collector), incoming));

    let config = TelemetryConfig {
        filter: "info".into(),
        json: false,
        otlp_endpoint: Some(format!("http://{address}")),
        sample_ratio: 1.0,
        metrics_listen: None,
    };
    let telemetry = Telemetry::start("trellis-test", &config).unwrap();
    let mut headers = HeaderMap::new();
    tracing::info_span!("posting a comment").in_scope(|| {
        trellis_telemetry::inject(&mut headers);
        assert_eq!(headers["traceparent"], trellis_telemetry::traceparent());
    });
    telemetry.shutdown().await;

    let export = tokio::time::timeout(Duration::from_secs(5), exports.recv()).await.unwrap().unwrap();
    for expected in ["trellis-test", "posting a comment"] {
        let found = export.windows(expected.len()).any(|part| part == expected.as_bytes());
        assert!(found, "{expected} is not in the export");
    }
}
