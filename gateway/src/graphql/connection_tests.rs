//! Arguments of connections, and what they cost.

#![allow(clippy::unwrap_used)]

use super::*;

fn window(first: Option<i32>, after: &str, last: Option<i32>, before: &str) -> Result<Window, String> {
    let text = |text: &str| Some(text.to_owned());
    Window::new(first, text(after), last, text(before)).map_err(|refusal| {
        assert_eq!(refusal.code(), Code::InvalidRequest);
        refusal.0.detail
    })
}

fn asked(limit: u32, cursor: &str, backward: bool) -> Window {
    Window { limit, cursor: cursor.into(), backward }
}

#[test]
fn arguments() {
    assert_eq!(window(None, "", None, ""), Ok(asked(20, "", false)));
    assert_eq!(window(Some(100), "c", None, ""), Ok(asked(100, "c", false)));
    assert_eq!(window(None, "c", None, ""), Ok(asked(20, "c", false)));
    assert_eq!(window(None, "", Some(1), "c"), Ok(asked(1, "c", true)));
    for (first, after, last, before, why) in [
        (Some(1), "", Some(1), "", "Give first or last, not both"),
        (Some(1), "", None, "c", "before goes with last"),
        (None, "", None, "c", "before goes with last"),
        (None, "c", Some(1), "", "after goes with first"),
        (Some(0), "", None, "", "first must be a number from 1 to 100"),
        (Some(101), "", None, "", "first must be a number from 1 to 100"),
        (None, "", Some(-1), "", "last must be a number from 1 to 100"),
    ] {
        assert_eq!(window(first, after, last, before), Err(why.to_owned()));
    }
}

#[test]
fn page_info_in_both_directions() {
    let info = |window: &Window, next: &str| {
        let page =
            Page { items: vec![1, 2], cursors: vec!["a".into(), "b".into()], next_cursor: next.into(), position: None };
        let info = Connection::new(window, page).page_info;
        assert_eq!((info.start_cursor.as_deref(), info.end_cursor.as_deref()), (Some("a"), Some("b")));
        (info.has_previous_page, info.has_next_page)
    };
    assert_eq!(info(&asked(2, "", false), ""), (false, false));
    assert_eq!(info(&asked(2, "", false), "b"), (false, true));
    assert_eq!(info(&asked(2, "z", false), ""), (true, false));
    assert_eq!(info(&asked(2, "", true), "a"), (true, false));
    assert_eq!(info(&asked(2, "c", true), ""), (false, true));
}

#[test]
fn a_page_whose_rows_are_hidden_goes_on() {
    let info = |window: &Window| {
        let page = Page::<u8> { items: vec![], cursors: vec![], next_cursor: "c".into(), position: None };
        let info = Connection::new(window, page).page_info;
        (info.start_cursor, info.end_cursor)
    };
    assert_eq!(info(&asked(2, "", false)), (None, Some("c".to_owned())));
    assert_eq!(info(&asked(2, "", true)), (Some("c".to_owned()), None));
}

#[test]
fn costs_are_bounded_however_deep() {
    assert_eq!(cost(None, None, 3), 61);
    assert_eq!(cost(Some(5), None, 3), 16);
    assert_eq!(cost(None, Some(1000), 3), 301);
    assert_eq!(cost(Some(-1), None, 3), 61);
    assert_eq!(unpaged(2), 21);
    assert_eq!((0..100).fold(1, |child, _| cost(Some(100), None, child)), CEILING);
}
