//! Texts that people type, checked once: a value of these types is good.
//!
//! Every text is trimmed, holds no NUL (PostgreSQL cannot store it), and is counted in characters, not bytes. What a
//! service alone knows of a text, such as the keys of projects, stays in that service's `domain`.

mod email;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod name;
mod slug;

pub use email::Email;
pub use name::Name;
pub use slug::{SLUG_CHARACTERS, Slug, check_slug, is_slug};

/// Why a value of a field is refused: a stable word and a sentence, as `Violations::check` takes them.
pub type Refusal = (&'static str, String);

/// Of at most that many characters; may be empty.
pub fn bounded(text: &str, most: usize) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.contains('\0') {
        return Err(("invalid", "must not contain NUL".to_owned()));
    }
    // Counting the characters of a text that is short in bytes would be in vain.
    if text.len() > most && text.chars().count() > most {
        return Err(("too_long", format!("must be at most {most} characters")));
    }
    Ok(text)
}

/// The same, and with something to read in it.
pub fn not_blank(text: &str, most: usize) -> Result<&str, Refusal> {
    match bounded(text, most)? {
        "" => Err(("blank", "must not be blank".to_owned())),
        text => Ok(text),
    }
}

/// The same for a field that a message holds as "" where it was not given.
pub fn required(text: &str, most: usize) -> Result<&str, Refusal> {
    if text.is_empty() {
        return Err(("required", "must be given".to_owned()));
    }
    not_blank(text, most)
}

#[cfg(test)]
fn code<T>(result: Result<T, Refusal>) -> &'static str {
    result.err().map_or("ok", |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        for ok in ["ä".repeat(5), "😀".repeat(5)] {
            assert_eq!(bounded(&ok, 5), Ok(ok.as_str()));
        }
        assert_eq!(code(bounded("äääääa", 5)), "too_long");
    }

    #[test]
    fn what_surrounds_a_text_does_not_count() {
        assert_eq!(bounded("  abcde\n", 5), Ok("abcde"));
        assert_eq!(bounded(" \t\u{3000}", 0), Ok(""));
    }

    #[test]
    fn nothing_and_nothing_to_read_are_told_apart() {
        assert_eq!(bounded("", 5), Ok(""));
        assert_eq!((code(not_blank("", 5)), code(required("", 5))), ("blank", "required"));
        for blank in [" ", "\n\t", "\u{2003}"] {
            assert_eq!((code(not_blank(blank, 5)), code(required(blank, 5))), ("blank", "blank"), "{blank:?}");
        }
    }

    #[test]
    fn nul_is_refused_wherever_it_stands() {
        for text in ["\0", "a\0", " \0 "] {
            assert_eq!((code(bounded(text, 5)), code(required(text, 5))), ("invalid", "invalid"), "{text:?}");
        }
    }
}
