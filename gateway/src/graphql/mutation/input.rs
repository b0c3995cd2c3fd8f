//! What fields of inputs mean that hold nothing. Null is absent throughout; an empty text says "none" where a value can
//! be missing.

use trellis_proto::project::v1::Nullable;

/// A field of something new.
pub fn given(text: Option<impl Into<String>>) -> Option<String> {
    text.map(Into::into).filter(|text| !text.is_empty())
}

/// A field of something that is changed: absent leaves, empty clears.
pub fn change(text: Option<impl Into<String>>) -> Option<Nullable> {
    text.map(|text| Nullable { value: given(Some(text)) })
}

/// A project by its slug and nothing else: services take a key as well, and no key is written like a slug. What is none
/// goes to the service as a name of nothing, so that it checks the right to ask first.
pub fn exact_slug(slug: String) -> String {
    if slug.contains(|letter: char| letter.is_ascii_uppercase()) { String::new() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_gives_nothing() {
        assert_eq!(given(None::<String>), None);
        assert_eq!(given(Some("")), None);
        assert_eq!(given(Some("web")).as_deref(), Some("web"));
        assert_eq!(given(Some(" ")).as_deref(), Some(" "), "for the service to judge");
    }

    #[test]
    fn absent_leaves_and_empty_clears() {
        assert_eq!(change(None::<String>), None);
        assert_eq!(change(Some("")), Some(Nullable { value: None }));
        assert_eq!(change(Some("2026-01-31")), Some(Nullable { value: Some("2026-01-31".into()) }));
    }

    #[test]
    fn a_key_is_no_slug() {
        assert_eq!(exact_slug("web-1".into()), "web-1");
        for not_a_slug in ["WEB", "W", "Web", "P2026"] {
            assert_eq!(exact_slug(not_a_slug.into()), "");
        }
    }
}
