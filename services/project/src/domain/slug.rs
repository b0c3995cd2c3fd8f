//! The word of a project in paths: `website-2026`.

use std::fmt;

use trellis_text::{SLUG_CHARACTERS, check_slug};
use unicode_normalization::UnicodeNormalization;

use super::Fault;

/// `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 50.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// A slug that a client chose.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(Self(check_slug(text)?.to_owned()))
    }

    /// The slug of a name, as Django's `slugify` makes it: compatibility forms are decomposed, what is not ASCII then
    /// is dropped. Its underscores become hyphens here, since a slug has none.
    pub fn of_name(name: &str) -> Self {
        let mut slug = String::new();
        for c in name.nfkd().filter(char::is_ascii) {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if (c == '-' || c == '_' || c.is_ascii_whitespace()) && !slug.ends_with('-') && !slug.is_empty() {
                slug.push('-');
            }
        }
        let slug = cut(&slug, SLUG_CHARACTERS);
        if slug.bytes().any(|b| b.is_ascii_lowercase()) { Self(slug.to_owned()) } else { Self("project".into()) }
    }

    /// The slug itself, then `-1`, `-2`, …, for whoever needs one that is not taken.
    pub fn candidates(&self) -> impl Iterator<Item = Self> + '_ {
        std::iter::once(self.clone()).chain((1u32..).map(|n| {
            let suffix = format!("-{n}");
            Self(format!("{}{suffix}", cut(&self.0, SLUG_CHARACTERS - suffix.len())))
        }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most `most` bytes of ASCII, not ending in a hyphen.
fn cut(slug: &str, most: usize) -> &str {
    slug[..slug.len().min(most)].trim_end_matches('-')
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_djangos_slugify() {
        for (name, slug) in [
            ("Website Relaunch", "website-relaunch"),
            ("  Größe & Maß! ", "groe-ma"),
            ("Café -- déjà_vu", "cafe-deja-vu"),
            ("ﬁnal ①", "final-1"),
            ("C++ / Rust", "c-rust"),
            ("__init__", "init"),
            ("2026 Plan", "2026-plan"),
            ("Проект", "project"),
            ("計画 2026", "project"),
            ("!!!", "project"),
        ] {
            assert_eq!(Slug::of_name(name).as_str(), slug, "{name}");
        }
    }

    #[test]
    fn whatever_is_derived_is_a_slug() {
        for name in ["a".repeat(200), format!("{}-b", "a".repeat(49)), "x - ".repeat(40)] {
            for slug in Slug::of_name(&name).candidates().take(1200) {
                assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()));
            }
        }
    }

    #[test]
    fn candidates_are_numbered() {
        let slug = Slug::of_name("Web");
        let first: Vec<_> = slug.candidates().take(3).map(String::from).collect();
        assert_eq!(first, ["web", "web-1", "web-2"]);
    }

    #[test]
    fn refuses_what_is_no_slug() {
        for text in ["", "-", "a-", "-a", "a--b", "A", "ä", "a b", "a_b", "a\n b"] {
            assert!(Slug::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Slug::parse(&"a".repeat(51)).map_err(|fault| fault.0), Err("too_long"));
    }
}
