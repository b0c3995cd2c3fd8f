//! `If-Match`: a change that is only made where nobody else changed the object meanwhile.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};

use crate::problem::Problem;

/// No version is ever this one.
const NEVER: u64 = 0;

/// The versions under which a change may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No such header, or `*`: an object that is there always matches.
    Any,
    /// One of these; none where only tags were given that no object of ours can have.
    OneOf(Vec<u64>),
}

impl IfMatch {
    /// The version that the service shall compare. Only where the client accepts several it is asked for first, by
    /// `current`, and then named: it may change meanwhile, which the service then sees.
    pub async fn expected(
        self,
        current: impl Future<Output = Result<u64, Problem>> + Send,
    ) -> Result<Option<u64>, Problem> {
        match self {
            Self::Any => Ok(None),
            Self::OneOf(versions) => match versions[..] {
                [] => Ok(Some(NEVER)),
                [one] => Ok(Some(one)),
                _ => {
                    let current = current.await?;
                    Ok(Some(if versions.contains(&current) { current } else { NEVER }))
                }
            },
        }
    }

    /// `None` where it is no list of entity tags.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let mut versions = Vec::new();
        let mut rest = text.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if !tag.bytes().all(|byte| byte == b'!' || byte > b'"' && byte != 0x7f) {
                return None;
            }
            // If-Match compares strongly: a weak tag matches nothing.
            if let Some(version) = version(tag).filter(|_| !weak) {
                versions.push(version);
            }
            let after = after.trim_start_matches([' ', '\t']);
            if !after.is_empty() && !after.starts_with(',') {
                return None;
            }
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        Some(Self::OneOf(versions))
    }
}

/// As we write it, without a sign or leading zeros.
fn version(tag: &str) -> Option<u64> {
    tag.parse().ok().filter(|version: &u64| version.to_string() == tag)
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(Self::Any);
        }
        let lines: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
        lines.and_then(|lines| Self::parse(&lines.join(","))).ok_or_else(|| {
            Problem::invalid_request("The condition is not right.").field(
                "If-Match",
                "invalid",
                "must be entity tags in quotes, such as \"3\", or *",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lists_of_tags() {
        assert_eq!(IfMatch::parse("*"), Some(IfMatch::Any));
        assert_eq!(IfMatch::parse("\"3\""), Some(IfMatch::OneOf(vec![3])));
        assert_eq!(IfMatch::parse(" \"3\" ,, \"7\","), Some(IfMatch::OneOf(vec![3, 7])));
        for never in ["W/\"3\"", "\"x\"", "\"03\"", "\"+3\"", "\"\""] {
            assert_eq!(IfMatch::parse(never), Some(IfMatch::OneOf(vec![])), "{never}");
        }
        for bad in ["", ",", "3", "\"3", "\"3\" \"4\"", "\"3\", *", "w/\"3\"", "\"a b\""] {
            assert_eq!(IfMatch::parse(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn the_service_is_asked_first_only_for_several() {
        let expected = |tags: &str| IfMatch::parse(tags).unwrap().expected(async { Ok(7) });
        assert_eq!(expected("*").await.ok().unwrap(), None);
        assert_eq!(expected("\"3\"").await.ok().unwrap(), Some(3));
        assert_eq!(expected("\"3\", \"7\"").await.ok().unwrap(), Some(7));
        assert_eq!(expected("\"3\", \"4\"").await.ok().unwrap(), Some(NEVER));
        assert_eq!(expected("W/\"7\"").await.ok().unwrap(), Some(NEVER));
    }
}
