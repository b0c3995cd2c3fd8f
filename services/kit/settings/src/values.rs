//! Kinds of values that settings are written in and that the standard library cannot parse.

use std::{
    fmt::{self, Display},
    str::FromStr,
    time::Duration,
};

/// `true`/`false`, `on`/`off`, `yes`/`no`, `1`/`0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(Self(true)),
            "false" | "off" | "no" | "0" => Ok(Self(false)),
            _ => Err("must be on or off"),
        }
    }
}

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

/// `500ms`, `5s`, `15m`, `12h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span(pub Duration);

/// Largest first, so that what is shown is short.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be a whole number and a unit: 500ms, 5s, 15m, 12h or 7d";
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (amount, unit) = text.split_at(digits);
        let amount: u64 = amount.parse().map_err(|_| wrong)?;
        let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(wrong)?;
        let milliseconds = amount.checked_mul(milliseconds).ok_or("is too long")?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in UNITS {
            if milliseconds.is_multiple_of(u128::from(unit)) {
                return write!(f, "{}{name}", milliseconds / u128::from(unit));
            }
        }
        write!(f, "{milliseconds}ms")
    }
}
