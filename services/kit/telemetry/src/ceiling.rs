//! What no setting makes a process tell.
//!
//! At `debug` and `trace` libraries show what passes through them: HTTP/2 its headers, and with them access tokens;
//! WebSockets their frames; drivers of databases and brokers their connections and messages. Nobody writes those lines
//! with secrets in mind, so they are never written here: below `info` only Trellis speaks, whose own lines name things
//! and never show what was sent. The same holds for spans, and so for traces.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn};

/// For the whole subscriber, beside the operator's own filter.
pub(crate) fn ceiling<S: Subscriber>() -> impl Layer<S> {
    filter_fn(may_be_told)
}

fn may_be_told(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || is_ours(metadata.target())
}

/// Targets are the paths of modules: `trellis_org::ops`.
fn is_ours(target: &str) -> bool {
    target.split("::").next().is_some_and(|name| name == "trellis" || name.starts_with("trellis_"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

    use super::*;
    use crate::setup;

    #[test]
    fn ours_are_ours() {
        for ours in ["trellis_org::ops", "trellis_gateway", "trellis"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["h2::codec", "hyper", "sqlx::query", "trellisx", "log", ""] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn libraries_are_silent_below_info_whatever_is_asked_for() {
        for directives in ["trace", "trace,h2=trace,sqlx::query=trace,tungstenite=trace", "[{secret}]=trace,h2=debug"] {
            let lines = Lines::default();
            let subscriber = tracing_subscriber::registry()
                .with(setup::filter(directives).expect("directives"))
                .with(ceiling())
                .with(tracing_subscriber::fmt::layer().with_writer(lines.clone()));
            tracing::subscriber::with_default(subscriber, || {
                tracing::trace!(target: "h2::codec", secret = "hunter2", "a frame");
                tracing::debug!(target: "tungstenite::protocol", secret = "hunter2", "a frame");
                let _span = tracing::debug_span!(target: "sqlx::query", "query", secret = "hunter2").entered();
                tracing::warn!(target: "h2::proto", "a peer misbehaves");
                tracing::trace!(target: "trellis_org::ops", "a step");
            });
            let told = String::from_utf8(lines.0.lock().expect("nobody panics").clone()).expect("UTF-8");
            assert!(!told.contains("hunter2"), "{directives}: {told}");
            assert!(directives.starts_with('[') || told.contains("a step"), "{directives}: {told}");
            assert!(told.contains("a peer misbehaves"), "{directives}: {told}");
        }
    }
}
