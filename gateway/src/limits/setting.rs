//! `TRELLIS_RATE_LIMITS`: `on`, `off`, or what is different: `attempts=10+5/min,sockets=off`.

use std::{fmt, str::FromStr};

use trellis_settings::Switch;

use super::Rate;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Limit {
    /// Wrong passwords: by account and address together.
    Attempts,
    /// All that hashes a password: by address.
    SignIns,
    /// New users that were made: by address.
    Registrations,
    /// New organizations: by user, or by address where nobody is signed in.
    Organizations,
    /// Invitations: by user.
    Invitations,
    /// Requests of every kind: by address.
    Requests,
    /// Sockets that are opened: by address.
    Sockets,
    /// Topics and subscriptions that are opened: by user.
    Subscriptions,
}

impl Limit {
    pub const ALL: [Self; 8] = [
        Self::Attempts,
        Self::SignIns,
        Self::Registrations,
        Self::Organizations,
        Self::Invitations,
        Self::Requests,
        Self::Sockets,
        Self::Subscriptions,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::SignIns => "sign_ins",
            Self::Registrations => "registrations",
            Self::Organizations => "organizations",
            Self::Invitations => "invitations",
            Self::Requests => "requests",
            Self::Sockets => "sockets",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// Roomy: a team, its machines and their tests are one address.
    fn default_rate(self) -> Rate {
        match self {
            // One account's own machines may all log in at once; only once answered are they known to be right.
            Self::Attempts => Rate::per_minute(100, 10),
            Self::SignIns => Rate::per_second(600, 10),
            Self::Registrations | Self::Organizations | Self::Invitations => Rate::per_second(1000, 10),
            Self::Requests => Rate::per_second(3000, 300),
            // All come back at once when a gateway restarts, each with its topics.
            Self::Sockets => Rate::per_second(1000, 50),
            Self::Subscriptions => Rate::per_second(2000, 100),
        }
    }

    /// Whether every answer says what is left; the others are told of only where nothing is.
    pub fn is_told(self) -> bool {
        !matches!(self, Self::Requests | Self::Sockets | Self::Subscriptions)
    }
}

/// The rate of each limit; `None` of one that is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates([Option<Rate>; 8]);

impl Rates {
    pub const OFF: Self = Self([None; 8]);

    pub fn of(&self, limit: Limit) -> Option<Rate> {
        self.0.get(limit as usize).copied().flatten()
    }

    pub fn is_off(&self) -> bool {
        *self == Self::OFF
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self(Limit::ALL.map(|limit| Some(limit.default_rate())))
    }
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(Switch(on)) = text.trim().parse() {
            return Ok(if on { Self::default() } else { Self::OFF });
        }
        let mut rates = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (name, rate) = part
                .split_once('=')
                .ok_or_else(|| format!("\"{part}\" is neither on nor off nor written like attempts=20+10/min"))?;
            let (name, rate) = (name.trim(), rate.trim());
            let names = || Limit::ALL.map(Limit::as_str).join(", ");
            let limit = Limit::ALL.into_iter().find(|limit| limit.as_str() == name);
            let limit = limit.ok_or_else(|| format!("\"{name}\" is none of the limits {}", names()))?;
            if seen.contains(&limit) {
                return Err(format!("{name} is named twice"));
            }
            seen.push(limit);
            let rate = if rate.eq_ignore_ascii_case("off") { None } else { Some(rate.parse()?) };
            if let Some(place) = rates.0.get_mut(limit as usize) {
                *place = rate;
            }
        }
        Ok(rates)
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        let different = Limit::ALL.into_iter().filter(|limit| self.of(*limit) != Some(limit.default_rate()));
        let different: Vec<String> = different
            .map(|limit| {
                let rate = self.of(limit).map_or_else(|| "off".to_owned(), |rate| rate.to_string());
                format!("{}={rate}", limit.as_str())
            })
            .collect();
        f.write_str(if different.is_empty() { "on" } else { "" })?;
        f.write_str(&different.join(","))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Rates, String> {
        text.parse()
    }

    #[test]
    fn on_off_or_what_is_different() {
        assert_eq!(Rates::default().to_string(), "on");
        for on in ["on", "ON", "true", "1"] {
            assert_eq!(read(on).unwrap(), Rates::default(), "{on}");
        }
        assert!(read("off").unwrap().is_off());
        assert_eq!(read("off").unwrap().to_string(), "off");
        let rates = read(" attempts=5+1/min , sockets=off").unwrap();
        assert_eq!(rates.to_string(), "attempts=5+1/min,sockets=off");
        assert_eq!(rates.of(Limit::Attempts), Some(Rate::per_minute(5, 1)));
        assert_eq!(rates.of(Limit::Sockets), None);
        assert_eq!(rates.of(Limit::Requests), Rates::default().of(Limit::Requests));
        assert!(!rates.is_off());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        let bad = [
            ("attempts", "attempts=20+10/min"),
            ("maybe", "neither on nor off"),
            ("logins=1+1/s", "\"logins\" is none of the limits attempts, sign_ins"),
            ("attempts=0+1/s", "1 to 1,000,000"),
            ("attempts=5", "20+10/min"),
            ("attempts=5+1/s,attempts=6+1/s", "twice"),
            ("attempts=5+1/s,", "neither on nor off"),
        ];
        for (text, why) in bad {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn every_limit_is_at_its_place() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place, "{limit:?}");
        }
    }
}
