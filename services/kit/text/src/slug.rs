//! The words of organizations and projects in paths: `website-2026`.

use crate::{Refusal, bounded, required};

/// The most that a slug has.
pub const SLUG_CHARACTERS: usize = 50;

/// `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 50 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = required(text, SLUG_CHARACTERS)?;
        Ok(Self(check_slug(text)?.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The slug in a text, for who makes a type of it that knows more. Nothing at all is no slug.
pub fn check_slug(text: &str) -> Result<&str, Refusal> {
    let text = bounded(text, SLUG_CHARACTERS)?;
    if !is_slug(text) {
        let message = "must be lower-case letters and digits, in words joined by single hyphens";
        return Err(("invalid", message.to_owned()));
    }
    Ok(text)
}

/// Whether anything could have this slug at all. What could not is never asked for.
pub fn is_slug(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= SLUG_CHARACTERS && text.split('-').all(|word| !word.is_empty() && word.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    #[test]
    fn slugs_follow_the_pattern() {
        for good in ["a", "acme", "acme-2", "2026-q1-x", " acme ", &"a".repeat(50)] {
            assert_eq!(code(Slug::parse(good)), "ok", "{good}");
            assert!(is_slug(good.trim()), "{good}");
        }
        for bad in ["Acme", "-a", "a-", "a--b", "a_b", "a b", "ä", "a.b", "-", "a\0", "a\n b"] {
            assert_eq!(code(Slug::parse(bad)), "invalid", "{bad}");
            assert!(!is_slug(bad), "{bad}");
        }
        assert_eq!(code(Slug::parse(&"a".repeat(51))), "too_long");
        assert_eq!((code(Slug::parse("")), code(check_slug(""))), ("required", "invalid"));
        for never in ["", " acme", "acme ", &"a".repeat(51)] {
            assert!(!is_slug(never), "{never}");
        }
    }
}
