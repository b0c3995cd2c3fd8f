//! How much at once, and how fast it comes back: `20+10/min`.

use std::{fmt, str::FromStr};

const SECOND: u64 = 1_000_000_000;
/// What is written behind the slash, in nanoseconds.
const PERIODS: [(&str, u64); 3] = [("s", SECOND), ("min", 60 * SECOND), ("h", 3600 * SECOND)];
/// The most that is taken for a number.
const MOST: u64 = 1_000_000;
/// A bucket that takes longer to fill up is a mistake, and would have to be kept for as long.
const LONGEST: u64 = 30 * 24 * 3600 * SECOND;

/// A bucket of `burst` that gets `refill` back in every period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    burst: u64,
    refill: u64,
    period: u64,
}

impl Rate {
    pub const fn per_second(burst: u64, refill: u64) -> Self {
        Self { burst, refill, period: SECOND }
    }

    pub const fn per_minute(burst: u64, refill: u64) -> Self {
        Self { burst, refill, period: 60 * SECOND }
    }

    pub fn burst(self) -> u64 {
        self.burst
    }

    /// Nanoseconds until one comes back.
    pub fn interval(self) -> u64 {
        self.period / self.refill
    }

    /// Nanoseconds in which an empty bucket fills up.
    pub fn window(self) -> u64 {
        self.interval() * self.burst
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is not written like 20+10/min: so many at once + so many in each s, min or h");
        let (burst, refill) = text.split_once('+').ok_or_else(wrong)?;
        let (refill, period) = refill.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| {
            let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
            number.ok_or_else(wrong)
        };
        let (burst, refill) = (number(burst)?, number(refill)?);
        let (_, period) = PERIODS.into_iter().find(|(name, _)| *name == period).ok_or_else(wrong)?;
        if ![burst, refill].iter().all(|number| (1..=MOST).contains(number)) {
            return Err(format!(
                "\"{text}\": both numbers must be 1 to 1,000,000 (a limit that is not wanted is `off`)"
            ));
        }
        let rate = Self { burst, refill, period };
        // 1,000,000 hours are less than what the type holds only when they are counted in this order.
        if rate.interval() > LONGEST / burst {
            return Err(format!("\"{text}\": to fill up must not take longer than 30 days"));
        }
        Ok(rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = PERIODS.iter().find(|(_, length)| *length == self.period).map_or("", |(name, _)| name);
        write!(f, "{}+{}/{period}", self.burst, self.refill)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn written_as_it_is_read() {
        for text in ["20+10/min", "300+5/s", "1+1/h", "1000000+1000000/s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        let rate: Rate = "20+10/min".parse().unwrap();
        assert_eq!((rate.burst(), rate.interval() / SECOND, rate.window() / SECOND), (20, 6, 120));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        let bad = [
            "",
            "20",
            "20+10",
            "20/min",
            "20+10/",
            "20+10/m",
            "20+10/d",
            "+10/min",
            "-1+1/s",
            "20++1/s",
            "0+1/s",
            "1+0/s",
            "1000001+1/s",
            "20 + 10/min",
            "1.5+1/s",
            "1000000+1/h",
            "99999999999999999999+1/s",
        ];
        for text in bad {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
