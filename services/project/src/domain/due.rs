//! When something is due: a project on a day, a task at an instant. Years 1 to 9999, which is what RFC 3339 can say.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, Utc};

use super::{Fault, invalid};

/// `YYYY-MM-DD`.
pub fn date(text: &str) -> Result<NaiveDate, Fault> {
    parse_date(text.trim()).ok_or_else(|| invalid("must be a date: YYYY-MM-DD"))
}

/// A date (00:00 UTC) or an RFC 3339 date-time, to the millisecond that is shown.
pub fn instant(text: &str) -> Result<DateTime<Utc>, Fault> {
    let text = text.trim();
    if let Some(day) = parse_date(text) {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|time| DateTime::from_timestamp_millis(time.timestamp_millis()))
        .filter(|time| (1..=9999).contains(&time.year()))
        .ok_or_else(|| invalid("must be a date (YYYY-MM-DD) or an RFC 3339 date-time"))
}

/// chrono takes `2026-1-5` as well: the shape is checked first.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return None;
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.year() >= 1)
}

pub fn show_date(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

pub fn show_instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_dates_and_instants() {
        for (text, shown) in [
            ("2026-01-31", "2026-01-31T00:00:00.000Z"),
            ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z"),
            ("2026-01-31T09:30:00.123456+02:00", "2026-01-31T07:30:00.123Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(instant(text).map(show_instant), Ok(shown.to_owned()), "{text}");
        }
        assert_eq!(date("2024-02-29").map(show_date), Ok("2024-02-29".to_owned()));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "today",
            "2026-1-5",
            "2026-02-30",
            "0000-01-01",
            "+12026-01-01",
            "2026-01-31T09:30:00",
            "20260131",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-01:00",
            "２０２６-01-01",
        ] {
            assert!(instant(text).is_err(), "{text:?}");
            assert!(date(text).is_err(), "{text:?}");
        }
    }
}
