//! A document as the parser will see it, looked over before it is parsed.
//!
//! Parser and validation are recursive and were not written for hostile documents; this is one pass over the bytes, and
//! what it lets through is short and flat enough for them.

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
