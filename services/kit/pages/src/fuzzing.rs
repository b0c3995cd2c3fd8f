//! Places in lists, as clients send them back, for fuzz targets (`make fuzz`).

use crate::PageRequest;

/// A cursor that is taken names a time that PostgreSQL can compare, and there is one spelling of it.
pub fn cursors(text: &str) {
    for backward in [false, true] {
        let request = PageRequest { cursor: text.to_owned(), backward, ..PageRequest::default() };
        for window in [request.window(), request.newest_first()].into_iter().flatten() {
            assert!((0..=253_402_300_799).contains(&window.from.at.timestamp()));
            assert!(text.is_empty() || window.from.to_string() == text);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/fuzz/seeds/cursors");
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            let text = std::fs::read_to_string(seed.expect("a file").path()).expect("a text");
            super::cursors(&text);
        }
    }
}
