//! Who is mentioned in a text: `@` and the e-mail address or full name of a member, in any case, outside of code and URLs.

use std::collections::{BTreeSet, HashMap};

use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

/// More than so many `@` in one text are not looked at: nobody means a thousand people one by one, and each costs a
/// look for every length that a name may have.
const MOST_MARKS: usize = 1000;

/// Whom a text can mention.
#[derive(Debug, Default)]
pub struct Known {
    emails: HashMap<String, Uuid>,
    names: HashMap<String, Vec<Uuid>>,
    /// In characters.
    longest: usize,
}

impl Known {
    pub fn add(&mut self, user: Uuid, email: &str, name: &str) {
        let (email, name) = (fold(email.trim()), fold(name.trim()));
        self.longest = self.longest.max(email.chars().count()).max(name.chars().count());
        if !name.is_empty() {
            self.names.entry(name).or_default().push(user);
        }
        self.emails.insert(email, user);
    }

    /// Who is meant by the beginning of a text, the longest that fits, and how many characters that is.
    fn first(&self, text: &[char]) -> Option<(&[Uuid], usize)> {
        let longest = text.len().min(self.longest);
        let beginning: String = text[..longest].iter().collect();
        let mut end = beginning.len();
        for count in (1..=longest).rev() {
            let candidate = &beginning[..end];
            end -= text[count - 1].len_utf8();
            let next = text.get(count);
            if next.is_some_and(|next| next.is_alphanumeric()) {
                continue;
            }
            // An address does not end where another one goes on: `ann@example.org` is not in `ann@example.org.uk`.
            let goes_on = next.is_some_and(|next| matches!(next, '.' | '-' | '_' | '+' | '@'))
                && text.get(count + 1).is_some_and(|beyond| beyond.is_alphanumeric());
            if !goes_on && let Some(user) = self.emails.get(candidate) {
                return Some((std::slice::from_ref(user), count));
            }
            if !is_host(&text[count..])
                && let Some(users) = self.names.get(candidate)
            {
                return Some((users, count));
            }
        }
        None
    }
}

/// Whether a text goes on as the host of an address, `@example.org`: of somebody else, who has the same name before it.
fn is_host(text: &[char]) -> bool {
    let Some(('@', host)) = text.split_first() else { return false };
    let label = host.iter().take_while(|character| character.is_alphanumeric() || **character == '-').count();
    label > 0 && matches!(host.get(label..), Some(['.', next, ..]) if next.is_alphanumeric())
}

/// Everybody whom a text mentions.
pub fn mentions(text: &str, known: &Known) -> BTreeSet<Uuid> {
    let text: Vec<char> = fold(&without_code(text)).chars().collect();
    let mut mentioned = BTreeSet::new();
    let mut marks = 0;
    let mut place = 0;
    let mut in_url = false;
    while place < text.len() && marks < MOST_MARKS {
        in_url = !text[place].is_whitespace() && (in_url || text[place..].starts_with(&[':', '/', '/']));
        let begins = text[place] == '@' && !in_url && (place == 0 || !text[place - 1].is_alphanumeric());
        place += 1;
        if !begins {
            continue;
        }
        marks += 1;
        if let Some((users, length)) = known.first(&text[place..]) {
            mentioned.extend(users);
            place += length;
        }
    }
    mentioned
}

/// One spelling of what people read as the same: composed, in lower case, with one small sigma.
fn fold(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase).map(|character| if character == 'ς' { 'σ' } else { character });
    lower.nfc().collect()
}

/// The text without what stands between backquotes: as many as open it close it. Three or more that nothing closes take
/// the rest.
fn without_code(text: &str) -> String {
    let runs = backquotes(text);
    // Of each run the next one of its length.
    let mut closing = vec![None; runs.len()];
    let mut seen = HashMap::new();
    for (index, (_, length)) in runs.iter().enumerate().rev() {
        closing[index] = seen.insert(*length, index);
    }
    let mut prose = String::with_capacity(text.len());
    let (mut begin, mut index) = (0, 0);
    while let Some(&(at, length)) = runs.get(index) {
        let close = closing[index];
        if close.is_none() && length < 3 {
            index += 1;
            continue;
        }
        prose.push_str(&text[begin..at]);
        // So that what stood on both sides of it does not become one word.
        prose.push('`');
        let Some(close) = close else {
            return prose;
        };
        begin = runs[close].0 + runs[close].1;
        index = close + 1;
    }
    prose.push_str(&text[begin..]);
    prose
}

/// Where backquotes stand, and how many of them.
fn backquotes(text: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some((begin, length)) if *begin + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Uuid = Uuid::from_u128(1);
    const ANN_LEE: Uuid = Uuid::from_u128(2);
    const OTHER_ANN: Uuid = Uuid::from_u128(3);
    const JOSE: Uuid = Uuid::from_u128(4);
    const LI: Uuid = Uuid::from_u128(5);

    fn found(text: &str) -> Vec<Uuid> {
        let mut known = Known::default();
        known.add(ANN, "ann@example.org", "Ann");
        known.add(ANN_LEE, "lee@example.org", "Ann Lee");
        known.add(OTHER_ANN, "a.lee+work@example.org.uk", "Ann Lee");
        known.add(JOSE, "José@Example.org", "José O'Hara-Ángel");
        known.add(LI, "li@例え.jp", "李 小龙");
        mentions(text, &known).into_iter().collect()
    }

    #[test]
    fn names_and_addresses_in_any_case() {
        for (text, whom) in [
            ("@ann", vec![ANN]),
            ("Hello @ANN!", vec![ANN]),
            ("(@Ann)", vec![ANN]),
            ("@ann@example.org", vec![ANN]),
            ("cc @Ann@Example.ORG.", vec![ANN]),
            ("**@ann@example.org**", vec![ANN]),
            ("@ann lee", vec![ANN_LEE, OTHER_ANN]),
            ("@Ann Leeson", vec![ANN]),
            ("@Ann and @a.lee+work@example.org.uk, please", vec![ANN, OTHER_ANN]),
            ("@jose\u{301} o'hara-a\u{301}ngel:", vec![JOSE]),
            ("@JOSÉ@EXAMPLE.ORG", vec![JOSE]),
            ("请@李 小龙。", vec![]),
            ("请 @李 小龙。", vec![LI]),
            ("@li@例え.jp", vec![LI]),
            ("@@ann", vec![ANN]),
            ("@ann@ann", vec![ANN]),
            ("@ann@bob. Then", vec![ANN]),
            ("@ann/@ann lee", vec![ANN, ANN_LEE, OTHER_ANN]),
            ("https://example.org/x @ann", vec![ANN]),
        ] {
            assert_eq!(found(text), whom, "{text}");
        }
    }

    #[test]
    fn others_are_nobody() {
        for text in [
            "",
            "@",
            "ann",
            "mail ann@example.org",
            "x@ann",
            "1@ann",
            "@annie",
            "@ ann",
            "@bob",
            "@lee@example.org.uk",
            "@lee@example.org-x",
            "@lee",
            "mail @ann@elsewhere.example, please",
            "@ann@elsewhere-1.example",
            "see https://social.example/@ann/1 or (ftp://ann@x.org/@ann)",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn code_mentions_nobody() {
        for text in ["`@ann`", "``a ` @ann``", "```\n@ann\n```", "```rust\n@ann", "`` ` @ann ``", "a `b` `@ann`"] {
            assert!(found(text).is_empty(), "{text}");
        }
        for text in ["` @ann", "`code` @ann", "```\ncode\n``` @ann", "it`s @ann and ``", "`a`@ann`b`"] {
            assert_eq!(found(text), [ANN], "{text}");
        }
    }

    #[test]
    fn the_worst_text_is_looked_at_in_no_time() {
        let mut known = Known::default();
        known.add(ANN, "ann@example.org", &"x ".repeat(50));
        for text in ["@".repeat(20_000), "@x ".repeat(6_000), "` `` ".repeat(4_000)] {
            assert_eq!(mentions(&text, &known), BTreeSet::new());
        }
    }
}
