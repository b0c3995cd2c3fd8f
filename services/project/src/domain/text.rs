//! Text as people type it: trimmed, without NUL, of bounded length in characters.

use trellis_text::{bounded, not_blank};

use super::{Fault, MAX_BODY, MAX_LINE};

/// A name or title: not blank.
pub fn line(text: &str) -> Result<String, Fault> {
    not_blank(text, MAX_LINE).map(str::to_owned)
}

/// A description: may be empty.
pub fn body(text: &str) -> Result<String, Fault> {
    bounded(text, MAX_BODY).map(str::to_owned)
}

/// What a comment says: not blank.
pub fn comment_text(text: &str) -> Result<String, Fault> {
    not_blank(text, MAX_BODY).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert_eq!(line(&"ä".repeat(200)).as_deref(), Ok("ä".repeat(200).as_str()));
        assert_eq!(line(&"ä".repeat(201)).map_err(|fault| fault.0), Err("too_long"));
        assert_eq!(body(&"😀".repeat(20_000)).map(|text| text.chars().count()), Ok(20_000));
    }

    #[test]
    fn trims_before_it_judges() {
        assert_eq!(line(&format!("  {}\n", "a".repeat(200))), Ok("a".repeat(200)));
        assert_eq!(line(" \u{2003}\t").map_err(|fault| fault.0), Err("blank"));
        assert_eq!(body("  "), Ok(String::new()));
        assert_eq!(comment_text("\n").map_err(|fault| fault.0), Err("blank"));
        assert_eq!(comment_text("a\0b").map_err(|fault| fault.0), Err("invalid"));
    }
}
