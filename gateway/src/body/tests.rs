//! Decoding of bodies: which fault is which.

#![allow(clippy::unwrap_used)]

use super::*;

crate::body! {
    /// One field of each kind.
    pub struct Sample {
        title: String,
        status: Option<String>,
        #[schema(value_type = Option<String>)]
        due_date: Clearable,
    }
}

fn decode(json: &str) -> Result<(Sample, Vec<&'static str>), Problem> {
    let mut fields = Fields::parse(json.as_bytes())?;
    let sample = Sample::decode(&mut fields);
    Ok((sample, fields.finish()?))
}

fn refused(json: &str) -> (&'static str, Vec<(String, String)>) {
    let mut problem = decode(json).err().unwrap();
    let errors = problem.errors_mut().iter().map(|error| (error.field.clone(), error.code.to_string())).collect();
    (problem.code(), errors)
}

fn blame(field: &str, code: &str) -> (String, String) {
    (field.to_owned(), code.to_owned())
}

#[test]
fn a_field_is_absent_null_or_a_text() {
    let (sample, absent) = decode(r#"{"title":"x","due_date":null}"#).ok().unwrap();
    assert_eq!((sample.title.as_str(), sample.status, sample.due_date), ("x", None, Clearable::Null));
    assert!(absent.is_empty());
    let (sample, absent) = decode("{}").ok().unwrap();
    assert_eq!((sample.title.as_str(), sample.due_date), ("", Clearable::Absent));
    assert_eq!(absent, ["title"]);
}

#[test]
fn what_is_no_object_of_known_fields_is_an_invalid_request() {
    for bad in ["", "{", "[]", "null", "7", "\"x\"", "{\"title\":\"\\ud800\"}", "{} {}", "{\"title\":1,}"] {
        assert_eq!(refused(bad), ("invalid_request", vec![]), "{bad}");
    }
    assert_eq!(
        refused(r#"{"title":5,"x":1,"y":2}"#),
        ("invalid_request", vec![blame("x", "unknown"), blame("y", "unknown")])
    );
    assert_eq!(refused(r#"{"title":"a","title":"b"}"#), ("invalid_request", vec![blame("title", "duplicate")]));
}

#[test]
fn every_field_of_the_wrong_type_is_named_and_what_is_missing_too() {
    assert_eq!(
        refused(r#"{"status":null,"due_date":5}"#),
        (
            "validation_failed",
            vec![blame("status", "invalid_type"), blame("due_date", "invalid_type"), blame("title", "required")]
        )
    );
    assert_eq!(refused(r#"{"title":"a\u0000b"}"#), ("validation_failed", vec![blame("title", "invalid")]));
}

#[test]
fn media_types() {
    let typed = |method: Method, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
        json_type(&method, &headers).is_ok()
    };
    assert!(typed(Method::POST, "application/json"));
    assert!(typed(Method::POST, "Application/JSON; charset=\"UTF-8\""));
    assert!(typed(Method::PATCH, "application/merge-patch+json"));
    assert!(!typed(Method::POST, "application/merge-patch+json"));
    assert!(!typed(Method::POST, "text/plain"));
    assert!(!typed(Method::POST, "application/json; charset=latin1"));
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit() {
    let read_some = async |size: usize| len(read(&HeaderMap::new(), Body::from(vec![b' '; size])).await);
    assert_eq!(read_some(LIMIT).await, Ok(LIMIT));
    assert_eq!(read_some(LIMIT + 1).await, Err("payload_too_large"));
    let pieces = futures_util::stream::iter((0..5).map(|n| Ok::<_, std::io::Error>(Bytes::from(vec![n; 2]))));
    let whole = read(&HeaderMap::new(), Body::from_stream(pieces)).await.ok().unwrap();
    assert_eq!(&whole[..], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
}

fn len(read: Result<Bytes, Problem>) -> Result<usize, &'static str> {
    read.map(|bytes| bytes.len()).map_err(|problem| problem.code())
}

#[test]
fn a_body_of_very_many_fields_is_none() {
    let body = |fields: usize| {
        let fields: Vec<String> = (0..fields).map(|n| format!("\"f{n}\":0")).collect();
        format!("{{{}}}", fields.join(","))
    };
    assert_eq!(refused(&body(64)).1.len(), 64);
    for many in [65, 20_000] {
        assert_eq!(refused(&body(many)), ("invalid_request", Vec::new()), "neither compared nor told one by one");
    }
    let broken = body(100).replace('}', "");
    assert!(decode(&broken).err().unwrap().detail().contains("is not JSON"));
}
