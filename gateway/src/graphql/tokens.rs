//! A document as the parser will see it, looked over before it is parsed.
//!
//! Parser and validation are recursive and were not written for hostile documents; this is one pass over the bytes, and
//! what it lets through is short and flat enough for them.

use std::{borrow::Cow, fmt::Write as _};

use super::limits::{Exceeded, Limit};

/// A document. What does not end (a string) or cannot be (a stray character) is left to the parser to refuse.
pub fn check(document: &str) -> Result<(), Exceeded> {
    Limit::Bytes.check(document.len())?;
    let found = Scan::of(document.as_bytes());
    Limit::Brackets.check(found.deepest)?;
    Limit::Aliases.check(found.aliases)?;
    Limit::Directives.check(found.directives)?;
    Limit::Name.check(found.longest_name)?;
    Limit::Tokens.check(found.tokens)
}

/// The same document with every character as the parser knows it: it takes neither pairs of surrogates
/// (`\ud83d\ude00`, as JSON writes them) nor braces (`\u{1F600}`); "String Value", GraphQL specification of September 2025.
pub fn unescaped(document: &str) -> Cow<'_, str> {
    if !document.contains("\\u") {
        return document.into();
    }
    let mut plain = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(at) = rest.find(['"', '#']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let bytes = rest.as_bytes();
        let length = match bytes[0] {
            b'#' => until(bytes, |byte| matches!(byte, b'\r' | b'\n')),
            _ => string(bytes),
        };
        let (token, after) = rest.split_at(length);
        if token.starts_with(['#']) || token.starts_with("\"\"\"") {
            plain.push_str(token);
        } else {
            unescape(token, &mut plain);
        }
        rest = after;
    }
    plain.push_str(rest);
    plain.into()
}

fn unescape(mut text: &str, plain: &mut String) {
    while let Some(at) = text.find('\\') {
        plain.push_str(&text[..at]);
        text = &text[at..];
        let length = match escaped(text) {
            // Whatever has a meaning of its own stays escaped.
            Some((character, length)) if u32::from(character) < 0x80 => {
                // Nothing fails that is written to a text.
                let _ = write!(plain, "\\u{:04x}", u32::from(character));
                length
            }
            Some((character, length)) => {
                plain.push(character);
                length
            }
            None => {
                let length = 1 + text[1..].chars().next().map_or(0, char::len_utf8);
                plain.push_str(&text[..length]);
                length
            }
        };
        text = &text[length..];
    }
    plain.push_str(text);
}

/// What an escape that the parser does not know stands for, and its length.
fn escaped(text: &str) -> Option<(char, usize)> {
    let code = |digits: &str| {
        let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        u32::from_str_radix(digits?, 16).ok()
    };
    let unit = |text: &str| code(text.strip_prefix("\\u")?.get(..4)?);
    if let Some(braced) = text.strip_prefix("\\u{") {
        let digits = &braced[..braced.find('}')?];
        return Some((char::from_u32(code(digits)?)?, digits.len() + "\\u{}".len()));
    }
    let (high, low) = (unit(text)?, unit(text.get(6..)?)?);
    if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, 12))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Scan {
    tokens: usize,
    /// Brackets of any kind, one in the other.
    deepest: usize,
    aliases: usize,
    directives: usize,
    longest_name: usize,
}

impl Scan {
    fn of(document: &[u8]) -> Self {
        let mut scan = Self::default();
        let (mut open, mut parentheses) = (0_usize, 0_usize);
        let mut rest = document;
        while let Some(&byte) = rest.first() {
            let length = match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    rest = &rest[1..];
                    continue;
                }
                b'#' => {
                    rest = &rest[until(rest, |byte| matches!(byte, b'\r' | b'\n'))..];
                    continue;
                }
                b'"' => string(rest),
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                    let length = until(rest, |byte| !(byte.is_ascii_alphanumeric() || byte == b'_'));
                    scan.longest_name = scan.longest_name.max(length);
                    length
                }
                b'0'..=b'9' | b'-' => {
                    1 + until(&rest[1..], |byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)))
                }
                _ => 1,
            };
            match byte {
                b'{' | b'[' | b'(' => {
                    open += 1;
                    scan.deepest = scan.deepest.max(open);
                    parentheses += usize::from(byte == b'(');
                }
                b'}' | b']' | b')' => {
                    open = open.saturating_sub(1);
                    parentheses = parentheses.saturating_sub(usize::from(byte == b')'));
                }
                // Arguments, their values and variables have theirs in parentheses.
                b':' if parentheses == 0 => scan.aliases += 1,
                b'@' => scan.directives += 1,
                _ => {}
            }
            scan.tokens += 1;
            rest = &rest[length..];
        }
        scan
    }
}

fn until(bytes: &[u8], end: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| end(byte)).unwrap_or(bytes.len())
}

/// The length of a string that begins here. One that does not end is taken as a quote, so that nothing hides in it.
fn string(bytes: &[u8]) -> usize {
    let (quote, block) = if bytes.starts_with(b"\"\"\"") { (&b"\"\"\""[..], true) } else { (&b"\""[..], false) };
    let mut at = quote.len();
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(quote) {
            return at + quote.len();
        }
        at += match rest[0] {
            b'\\' if block && rest.starts_with(b"\\\"\"\"") => 4,
            b'\\' if !block => 2,
            b'\r' | b'\n' if !block => return 1,
            _ => 1,
        };
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(document: &str) -> Scan {
        Scan::of(document.as_bytes())
    }

    #[test]
    fn what_counts() {
        let document = r#"query A($id: ID! = "x", $o: In = {a: 1}) @skip(if: true) { # c: omment {{{{
            one: task(id: $id, in: {a: [1, -2.5e+3]}) { ...F @include(if: true) two: id }
        } fragment F on Task { x }"#;
        let found = scan(document);
        assert_eq!((found.aliases, found.directives, found.deepest, found.longest_name), (2, 2, 4, 8));
    }

    #[test]
    fn strings_hide_nothing_but_themselves() {
        let deepest = |document: &str| scan(document).deepest;
        assert_eq!(deepest(r#"{ a(b: "{{{{ \" {{{{ \\") }"#), 2);
        assert_eq!(deepest(r#"{ a(b: """{{{{ " "" \""" {{{{ \""") }"#), 2 + 4, "which does not end");
        assert_eq!(deepest(r#"{ a(b: """{{{{ " "" \""" {{{{ \\ """) }"#), 2);
        assert_eq!(deepest("{ a(b: \"\n{{{{\") }"), 6, "no string has a line break");
        assert_eq!(deepest("{ a(b: \"\"\"\"\"\") { c } }"), 2);
        assert_eq!(scan("\"").tokens, 1);
        assert_eq!(scan("\"\\").tokens, 2);
    }

    #[test]
    fn characters_in_any_spelling() {
        for (written, plain) in [
            (r#"{ a(b: "x \ud83d\ude00 \u0041 \n é") }"#, r#"{ a(b: "x 😀 \u0041 \n é") }"#),
            (r#"{ a(b: "\u{1F600}\u{e9}\u{22}\u{5C}") }"#, r#"{ a(b: "😀é\u0022\u005c") }"#),
        ] {
            assert_eq!(unescaped(written), plain);
        }
        for left in [
            r#"{ a(b: "\\ud83d\\ude00 \\u{41}") }"#,
            r#"{ a(b: """\ud83d\ude00""") } # \u{41} "\u{41}"#,
            r#"{ a(b: "\ud83d \ude00\ud83d") \u{41} }"#,
            r#"{ a(b: "\u{110000} \u{d800} \u{+41} \u{} \u{1f600 \ud83d\u00e9") }"#,
            r#"{ a(b: "\u{41}"#,
            r#"{ a(b: "\ué"#,
        ] {
            assert_eq!(unescaped(left), left);
        }
        assert!(matches!(unescaped("{ a }"), Cow::Borrowed(_)));
    }

    #[test]
    fn limits() {
        assert!(check("{ me { id } }").is_ok());
        for (bomb, about) in [
            ("{".repeat(1000), "1000 brackets deep; at most 50"),
            (format!("{{ a(b: {}", "[".repeat(60_000)), "60002 brackets deep"),
            (format!("{{ {} }}", "a:me ".repeat(10_000)), "10000 aliases; at most 30"),
            (format!("{{ me {} }}", "@a".repeat(21)), "21 directives; at most 20"),
            ("a ".repeat(32_768), "32768 names and signs; at most 5000"),
            (format!("{{ {} }}", "a".repeat(201)), "a name of 201 characters; at most 200"),
            ("#".repeat(65_537), "65537 bytes; at most 65536"),
        ] {
            let told = check(&bomb).map_err(|exceeded| exceeded.to_string());
            assert!(told.as_ref().is_err_and(|told| told.contains(about)), "{about}: {told:?}");
        }
        assert!(check(&format!("{{ {} }}", "a:me ".repeat(30))).is_ok());
    }
}
