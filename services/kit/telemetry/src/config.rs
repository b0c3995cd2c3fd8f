//! What a process is told about how it is watched.

use std::{
    fmt::{self, Display},
    io::IsTerminal,
    net::SocketAddr,
    str::FromStr,
};

use trellis_settings::Settings;

use crate::setup;

const LOG: &str = "TRELLIS_LOG";
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SAMPLE_RATIO: &str = "TRELLIS_TRACE_SAMPLE_RATIO";

/// What a process says about how it is watched.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// `tracing_subscriber::EnvFilter` directives.
    pub filter: String,
    pub json: bool,
    pub otlp_endpoint: Option<String>,
    /// 0.0–1.0 of the traces that start here.
    pub sample_ratio: f64,
    /// Prometheus text is served here at `/metrics`, where set.
    pub metrics_listen: Option<SocketAddr>,
}

impl TelemetryConfig {
    /// Declares and reads `TRELLIS_LOG`, `TRELLIS_LOG_FORMAT`, `OTEL_EXPORTER_OTLP_ENDPOINT`,
    /// `TRELLIS_TRACE_SAMPLE_RATIO`, `TRELLIS_METRICS_LISTEN`.
    pub fn read(settings: &mut Settings) -> Self {
        let filter = settings.or(
            LOG,
            "info".to_owned(),
            "What is logged: a level, or directives such as `info,trellis_org=debug`.",
        );
        if let Err(error) = setup::filter(&filter) {
            settings.refuse(LOG, error);
        }
        let format = settings.or(
            "TRELLIS_LOG_FORMAT",
            LogFormat::Auto,
            "`json`, `text`, or `auto`: text on a terminal, else JSON.",
        );
        let otlp_endpoint = settings.optional::<String>(
            OTLP_ENDPOINT,
            "Where traces are sent (OTLP over gRPC), such as `http://127.0.0.1:4317`; no traces where unset.",
        );
        if otlp_endpoint.as_deref().is_some_and(|endpoint| !is_http(endpoint)) {
            settings.refuse(OTLP_ENDPOINT, "must be a URL such as http://127.0.0.1:4317");
        }
        let sample_ratio =
            settings.or(SAMPLE_RATIO, 0.1, "The share of traces that are recorded, 0 to 1, of those that start here.");
        if !(0.0..=1.0).contains(&sample_ratio) {
            settings.refuse(SAMPLE_RATIO, "must be between 0 and 1");
        }
        let metrics_listen = settings.optional(
            "TRELLIS_METRICS_LISTEN",
            "Address and port of Prometheus metrics at `/metrics`; none are kept where unset. Internal: keep it off the public network.",
        );
        Self { filter, json: format.is_json(), otlp_endpoint, sample_ratio, metrics_listen }
    }
}

fn is_http(endpoint: &str) -> bool {
    endpoint
        .parse::<http::Uri>()
        .is_ok_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Auto,
    Json,
    Text,
}

impl LogFormat {
    fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stdout().is_terminal(),
            Self::Json => true,
            Self::Text => false,
        }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be auto, json or text"),
        }
    }
}

impl Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Text => "text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &'static [(&str, &str)]) -> (TelemetryConfig, Vec<String>) {
        let mut settings = Settings::from_source(Box::new(|name| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        }));
        let config = TelemetryConfig::read(&mut settings);
        let problems = settings.finish().err().map_or_else(Vec::new, |error| error.0);
        (config, problems)
    }

    #[test]
    fn without_any_variable_there_are_only_logs() {
        let (config, problems) = read(&[]);
        assert!(problems.is_empty());
        assert_eq!(config.filter, "info");
        assert_eq!(config.otlp_endpoint, None);
        assert_eq!(config.metrics_listen, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let (_, problems) = read(&[
            ("TRELLIS_LOG", "trellis=shout"),
            ("TRELLIS_LOG_FORMAT", "xml"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost"),
            ("TRELLIS_TRACE_SAMPLE_RATIO", "NaN"),
            ("TRELLIS_METRICS_LISTEN", "9000"),
        ]);
        let names: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(
            names,
            [
                "TRELLIS_LOG",
                "TRELLIS_LOG_FORMAT",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "TRELLIS_TRACE_SAMPLE_RATIO",
                "TRELLIS_METRICS_LISTEN"
            ]
        );
    }
}
