//! Logs, traces and metrics, set up once per process; trace context over HTTP headers, gRPC metadata and strings.
//!
//! What is measured is named where it happens; this crate only sets up where it goes.

mod ceiling;
mod config;
mod context;
mod panics;
mod prometheus;
mod setup;

pub use config::TelemetryConfig;
pub use context::{continue_from, extract, inject, traceparent};
pub use setup::{Telemetry, TelemetryError};
