//! Times between chrono and protobuf.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        // chrono tells a leap second as up to 1_999_999_999 ns; protobuf knows none.
        nanos: i32::try_from(time.timestamp_subsec_nanos().min(999_999_999)).unwrap_or(0),
    }
}

/// `None` where absent or out of range.
pub fn datetime(time: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let time = time?;
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    DateTime::from_timestamp(time.seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_wire() {
        for (seconds, nanos) in [(0, 0), (1_700_000_000, 123_456_789), (-5, 999_999_999)] {
            let time = DateTime::from_timestamp(seconds, nanos);
            assert!(time.is_some());
            assert_eq!(datetime(time.map(timestamp).as_ref()), time);
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(datetime(None), None);
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
            assert_eq!(datetime(Some(&Timestamp { seconds, nanos })), None);
        }
    }
}
