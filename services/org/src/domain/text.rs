//! Texts that people type, checked once: a value of these types is good.

use std::fmt;

use email_address::{EmailAddress, Options};

use super::Refusal;

const NAME_CHARACTERS: usize = 100;
const SLUG_CHARACTERS: usize = 50;
const EMAIL_CHARACTERS: usize = 254;

/// The name of an organization: trimmed, 1–100 characters, no NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 50 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

/// An address that mail can be sent to, as it was typed; compared without regard to case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Name {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = trimmed(text)?;
        at_most(NAME_CHARACTERS, text)?;
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Slug {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = trimmed(text)?;
        at_most(SLUG_CHARACTERS, text)?;
        if !is_words(text) {
            let message = "may hold lower-case letters, digits and single hyphens between them";
            return Err(("invalid", message.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = trimmed(text)?;
        at_most(EMAIL_CHARACTERS, text)?;
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(("invalid", "must be a valid e-mail address".to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an organization could have this slug at all. What could not is never asked for.
pub fn is_slug(text: &str) -> bool {
    text.len() <= SLUG_CHARACTERS && is_words(text)
}

fn is_words(text: &str) -> bool {
    let word = |word: &str| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !word.is_empty() && word.bytes().all(letter)
    };
    text.split('-').all(word)
}

/// Addresses of people stay out of logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

fn trimmed(text: &str) -> Result<&str, Refusal> {
    if text.is_empty() {
        return Err(("required", "must be given".to_owned()));
    }
    if text.contains('\0') {
        return Err(("invalid", "must not contain NUL".to_owned()));
    }
    match text.trim() {
        "" => Err(("blank", "must not be blank".to_owned())),
        text => Ok(text),
    }
}

fn at_most(limit: usize, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > limit {
        return Err(("too_long", format!("must be at most {limit} characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code<T>(result: Result<T, Refusal>) -> &'static str {
        result.err().map_or("ok", |(code, _)| code)
    }

    #[test]
    fn names_are_trimmed_and_counted_in_characters() {
        assert_eq!(
            Name::parse("  Größe & Söhne \n").unwrap().as_str(),
            "Größe & Söhne"
        );
        assert_eq!(code(Name::parse(&"ü".repeat(100))), "ok");
        assert_eq!(code(Name::parse(&"ü".repeat(101))), "too_long");
        assert_eq!(code(Name::parse("")), "required");
        assert_eq!(code(Name::parse(" \t\u{3000}")), "blank");
        assert_eq!(code(Name::parse("a\0b")), "invalid");
    }

    #[test]
    fn slugs_follow_the_pattern() {
        for good in [
            "a",
            "acme",
            "acme-2",
            "2026-q1-x",
            " acme ",
            &"a".repeat(50),
        ] {
            assert_eq!(code(Slug::parse(good)), "ok", "{good}");
        }
        for bad in [
            "Acme", "-a", "a-", "a--b", "a_b", "a b", "ä", "a.b", "-", "a\0",
        ] {
            assert_eq!(code(Slug::parse(bad)), "invalid", "{bad}");
        }
        assert_eq!(code(Slug::parse(&"a".repeat(51))), "too_long");
        assert_eq!(code(Slug::parse("")), "required");
        assert!(is_slug("acme-2"));
        for never in ["", " acme", "ACME", "a\0", &"a".repeat(51)] {
            assert!(!is_slug(never), "{never}");
        }
    }

    #[test]
    fn addresses_are_addresses() {
        for good in ["a@b.de", " Ann.Lee+x@Example.COM ", "ü@exämple.org"] {
            assert_eq!(code(Email::parse(good)), "ok", "{good}");
        }
        for bad in [
            "a",
            "a@",
            "@b.de",
            "a b@c.de",
            "Ann <a@b.de>",
            "a@[127.0.0.1]",
            "a@b@c.de",
            "a@b",
            "a\0@b.de",
        ] {
            assert_eq!(code(Email::parse(bad)), "invalid", "{bad}");
        }
        assert_eq!(
            code(Email::parse(&format!("{}@b.de", "a".repeat(250)))),
            "too_long"
        );
        assert_eq!(format!("{:?}", Email::parse("a@b.de").unwrap()), "Email(…)");
    }
}
