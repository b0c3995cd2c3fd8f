//! E-mail addresses.

use std::fmt;

use email_address::{EmailAddress, Options};

use crate::{Refusal, required};

const CHARACTERS: usize = 254;

/// An address that mail can be sent to, as it was typed; compared without regard to case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = required(text, CHARACTERS)?;
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(("invalid", "must be a valid e-mail address".to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses of people stay out of logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::code;

    #[test]
    fn addresses_are_addresses() {
        for good in ["a@b.de", " Ann.Lee+x@Example.COM ", "ü@exämple.org"] {
            assert_eq!(code(Email::parse(good)), "ok", "{good}");
        }
        for bad in ["a", "a@", "@b.de", "a b@c.de", "Ann <a@b.de>", "a@[127.0.0.1]", "a@b@c.de", "a@b", "a\0@b.de"] {
            assert_eq!(code(Email::parse(bad)), "invalid", "{bad}");
        }
        assert_eq!(code(Email::parse("")), "required");
        assert_eq!(code(Email::parse(&format!("{}@b.de", "a".repeat(250)))), "too_long");
    }

    #[test]
    fn addresses_keep_their_case_and_are_not_shown() {
        let email = Email::parse(" Ann.Lee@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "Ann.Lee@Example.COM");
        assert_eq!(format!("{email:?}"), "Email(…)");
    }
}
