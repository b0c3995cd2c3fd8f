//! The time that is left for a call, handed on from each server to the calls that it makes.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is left of the deadline of the call being served; `None` outside of one.
pub fn deadline_left() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// Runs a future under a deadline: channel calls within send what is left as `grpc-timeout`.
///
/// The future itself is not stopped. A deadline within a deadline can only be earlier.
pub async fn with_deadline<F: Future>(limit: Duration, future: F) -> F::Output {
    let limit = deadline_left().map_or(limit, |left| left.min(limit));
    DEADLINE.scope(Instant::now() + limit, future).await
}

/// Reads a `grpc-timeout` value: one to eight digits and a unit.
pub(crate) fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Writes a `grpc-timeout` value; whole milliseconds are fine enough, and at most a day fits the eight digits.
pub(crate) fn format_timeout(limit: Duration) -> String {
    format!("{}m", limit.as_millis().clamp(1, 86_400_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_inner_deadline_cannot_be_later_than_the_outer() {
        let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
        assert_eq!(deadline_left(), None);
        with_deadline(minute, async {
            let outer = deadline_left();
            assert!(outer.is_some_and(|left| left <= minute));
            with_deadline(hour, async { assert!(deadline_left() <= outer) }).await;
            with_deadline(Duration::ZERO, async {
                assert_eq!(deadline_left(), Some(Duration::ZERO));
            })
            .await;
            assert!(deadline_left().is_some_and(|left| left > Duration::ZERO));
        })
        .await;
        assert_eq!(deadline_left(), None);
    }

    #[test]
    fn timeouts_are_read_and_written() {
        assert_eq!(parse_timeout("2H"), Some(Duration::from_hours(2)));
        assert_eq!(parse_timeout("3M"), Some(Duration::from_mins(3)));
        assert_eq!(parse_timeout("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parse_timeout("5m"), Some(Duration::from_millis(5)));
        assert_eq!(parse_timeout("6u"), Some(Duration::from_micros(6)));
        assert_eq!(parse_timeout("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "5", "m", "-5m", "+5m", "5 m", "123456789m", "5x", "5é"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong:?}");
        }
        for limit in [Duration::from_millis(1500), Duration::from_hours(24)] {
            assert_eq!(parse_timeout(&format_timeout(limit)), Some(limit));
        }
    }
}
