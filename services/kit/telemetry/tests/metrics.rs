//! Metrics as a scraper sees them. One test: the recorder is global to the process.

#![allow(clippy::unwrap_used)]

use trellis_telemetry::{Telemetry, TelemetryConfig};

#[tokio::test]
async fn what_is_counted_is_shown() {
    let config = TelemetryConfig {
        filter: "info".into(),
        json: true,
        otlp_endpoint: None,
        sample_ratio: 0.0,
        metrics_listen: Some(([127, 0, 0, 1], 0).into()),
    };
    let telemetry = Telemetry::start("trellis-test", &config).unwrap();
    metrics::counter!("test_calls_total", "code" => "ok").increment(2);
    metrics::histogram!("test_duration_seconds").record(0.003);

    let base = format!("http://{}", telemetry.metrics_address().unwrap());
    let response = reqwest::get(format!("{base}/metrics")).await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("test_calls_total{code=\"ok\"} 2"), "{text}");
    assert!(text.contains("test_duration_seconds_bucket{le=\"0.005\"} 1"), "{text}");
    let other = reqwest::get(format!("{base}/other")).await.unwrap();
    assert_eq!(other.status(), 404);

    assert!(Telemetry::start("trellis-test", &config).is_err(), "only once per process");
    telemetry.shutdown().await;
}
