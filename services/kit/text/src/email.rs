//! E-mail addresses.

use std::fmt;

use email_address::{EmailAddress, Options};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::{Refusal, required};

const CHARACTERS: usize = 254;
/// What is longer in bytes is nobody's address: no time is spent on it.
const LONGEST: usize = CHARACTERS * 4;

/// An address that mail can be sent to, as it was typed, but for what a program may spell otherwise than a person
/// ([`Email::canonical`]); compared without regard to case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = Self::canonical(required(text, CHARACTERS)?);
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        let good = EmailAddress::parse_with_options(&text, options).is_ok()
            && text.chars().count() <= CHARACTERS
            && !text.chars().any(is_unseen)
            && text
                .rsplit_once('@')
                .is_some_and(|(_, domain)| !is_international(domain) || idna::domain_to_ascii(domain).is_ok());
        if good { Ok(Self(text)) } else { Err(("invalid", "must be a valid e-mail address".to_owned())) }
    }

    /// The one spelling of what may be an address: composed (NFC, as most keyboards send it, and some do not) and with
    /// the letters of an international domain instead of its `xn--` code. Whoever looks an address up that was not
    /// parsed looks for this one.
    pub fn canonical(text: &str) -> String {
        let text = text.trim();
        if text.len() > LONGEST {
            return text.to_owned();
        }
        let text = if is_nfc(text) { text.to_owned() } else { text.nfc().collect() };
        match text.rsplit_once('@') {
            Some((local, domain)) if is_international(domain) => match idna::domain_to_unicode(domain) {
                (domain, Ok(())) => format!("{local}@{domain}"),
                (_, Err(_)) => text,
            },
            _ => text,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_international(domain: &str) -> bool {
    !domain.is_ascii()
        || domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}

/// Nothing that a reader sees, so that two addresses would look the same: white space and controls, and characters
/// that only join, hyphenate, direct or mark others.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
                | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
                | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF
        )
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
        for good in ["a@b.de", " Ann.Lee+x@Example.COM ", "ü@exämple.org", "a@xn--exmple-cua.org"] {
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

    #[test]
    fn one_address_has_one_spelling() {
        for (typed, spelled) in [
            // Decomposed, as some keyboards and file systems have it.
            ("Jose\u{301}@example.com", "José@example.com"),
            ("ü@EXA\u{308}MPLE.org", "ü@exämple.org"),
            ("a@xn--exmple-cua.org", "a@exämple.org"),
            ("a@Mail.XN--EXMPLE-CUA.org", "a@mail.exämple.org"),
            // Letters that only look wide.
            ("a@ｅxample.org", "a@example.org"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), spelled, "{typed}");
            assert_eq!(Email::canonical(&format!(" {typed}\n")), spelled);
        }
        // What is no address is looked up as it is, and found nowhere.
        for odd in ["", "@", "a@xn--", "nobody", &"é@é".repeat(50_000)] {
            assert_eq!(Email::canonical(odd), odd);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_in_an_address() {
        for unseen in
            ['\u{200b}', '\u{200d}', '\u{ad}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{a0}', '\u{e0041}', '\u{fe0f}']
        {
            for text in [format!("an{unseen}n@example.com"), format!("ann@exam{unseen}ple.com")] {
                let parsed = Email::parse(&text);
                // A domain's are left out, as resolvers do; then it is the one without.
                assert!(parsed.is_err() || parsed.unwrap().as_str() == "ann@example.com", "{text:?}");
            }
            assert_eq!(code(Email::parse(&format!("an{unseen}n@example.com"))), "invalid", "{unseen:?}");
        }
        assert_eq!(code(Email::parse("a@xn--a.com")), "invalid", "a code of nothing");
    }
}
