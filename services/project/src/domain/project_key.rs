//! What a project's task ids begin with: `WEB` of `WEB-1`.

use std::fmt;

use super::{Fault, invalid};

const MAX: usize = 10;

/// `^[A-Z][A-Z0-9]{0,9}$`. Never changes once a project has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectKey(String);

impl ProjectKey {
    /// A key that a client chose.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let fits = text.len() <= MAX
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !fits {
            return Err(invalid("must be a capital letter, then at most 9 capital letters and digits"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug's letters and digits in capitals, beginning with a letter, cut to 10: `2026-plan` is `P2026PLAN`.
    pub fn of_slug(slug: &str) -> Self {
        let mut key: String = slug.chars().filter(|c| *c != '-').collect();
        key.make_ascii_uppercase();
        if key.starts_with(|c: char| c.is_ascii_digit()) {
            key.insert(0, 'P');
        }
        key.truncate(MAX);
        Self(key)
    }

    /// The key itself, then with 1, 2, … at its end, for whoever needs one that is not taken.
    pub fn candidates(&self) -> impl Iterator<Item = Self> + '_ {
        std::iter::once(self.clone()).chain((1u32..).map(|n| {
            let number = n.to_string();
            let kept = self.0.len().min(MAX.saturating_sub(number.len()).max(1));
            Self(format!("{}{number}", &self.0[..kept]))
        }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ProjectKey> for String {
    fn from(key: ProjectKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_from_the_slug() {
        for (slug, key) in
            [("web", "WEB"), ("2026-plan", "P2026PLAN"), ("website-relaunch", "WEBSITEREL"), ("7", "P7"), ("a-1", "A1")]
        {
            assert_eq!(ProjectKey::of_slug(slug).as_str(), key);
        }
    }

    #[test]
    fn candidates_stay_keys() {
        let key = ProjectKey::of_slug("website-relaunch");
        let keys: Vec<_> = key.candidates().take(1001).collect();
        assert_eq!(keys[1].as_str(), "WEBSITERE1");
        assert_eq!(keys[10].as_str(), "WEBSITER10");
        assert!(keys.iter().all(|key| ProjectKey::parse(key.as_str()).is_ok()));
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in ["", "web", "1A", "A-B", "ABCDEFGHIJK", "Ä"] {
            assert!(ProjectKey::parse(text).is_err(), "{text:?}");
        }
    }
}
