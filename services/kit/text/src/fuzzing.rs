//! Everything here that takes a stranger's text, for fuzz targets (`make fuzz`). The same runs as an ordinary test.

use crate::{Email, Name, SLUG_CHARACTERS, Slug, check_slug, is_slug};

/// E-mail addresses, names and slugs: whatever is taken is what it is said to be, and is taken again as it is.
pub fn texts(text: &str) {
    if let Ok(email) = Email::parse(text) {
        let shown = email.as_str();
        stored(shown, 254);
        assert!(shown.contains('@') && !shown.contains(['<', '>']), "an address, and nothing around it");
        assert!(!shown.chars().any(char::is_control), "no line can be added to a message's head");
        assert!(Email::parse(shown).is_ok_and(|again| again == email));
    }
    if let Ok(name) = Name::parse(text) {
        stored(name.as_str(), 100);
        assert!(Name::parse(name.as_str()).is_ok_and(|again| again == name));
    }
    if let Ok(slug) = Slug::parse(text) {
        stored(slug.as_str(), SLUG_CHARACTERS);
        assert!(is_slug(slug.as_str()));
        assert!(slug.as_str().bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }
    assert_eq!(is_slug(text), check_slug(text) == Ok(text), "one rule, whoever asks");
}

/// What PostgreSQL and people can do with.
fn stored(text: &str, most: usize) {
    assert!(!text.is_empty() && text.trim() == text && !text.contains('\0') && text.chars().count() <= most);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/fuzz/seeds/texts");
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            let text = std::fs::read_to_string(seed.expect("a file").path()).expect("a text");
            super::texts(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text(text in any::<String>()) {
            super::texts(&text);
        }

        #[test]
        fn texts_that_are_nearly_right(text in "[ a-zA-Z0-9@.<>\"\\\\\\-\u{0}\u{e9}\u{2028}\r\n]{0,60}") {
            super::texts(&text);
        }
    }
}
