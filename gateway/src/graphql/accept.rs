//! What a client wants to be answered in, by its `Accept`.

use http::{HeaderMap, HeaderValue, StatusCode, header};

/// The type of an answer, and with it what the status says (GraphQL over HTTP, "Responses").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status tells whether anything was run.
    GraphQl,
    /// `application/json`, as nobody asked for anything: the same, as clients of the original know it.
    Json,
    /// `application/json`, asked for by name and without the other: 200 for every well-formed request.
    JsonAlone,
}

impl Media {
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = Accept::of(headers);
        let (graphql, json) = (accept.quality(GRAPHQL), accept.quality(JSON));
        if graphql > 0 && graphql >= json {
            Self::GraphQl
        } else if json > 0 && graphql == 0 {
            Self::JsonAlone
        } else {
            Self::Json
        }
    }

    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json | Self::JsonAlone => "application/json; charset=utf-8",
        })
    }

    /// The status of an answer to an operation of which nothing was run.
    pub fn refused(self) -> StatusCode {
        match self {
            Self::GraphQl | Self::Json => StatusCode::BAD_REQUEST,
            Self::JsonAlone => StatusCode::OK,
        }
    }
}

/// Whether a page is wanted rather than data: a browser that goes to the address.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = Accept::of(headers);
    let page = accept.quality("text/html");
    page > 0 && page >= accept.quality(GRAPHQL).max(accept.quality(JSON))
}

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// The types that are named, with their quality in thousandths. Ranges (`*/*`) ask for nothing.
struct Accept(Vec<(String, u16)>);

impl Accept {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let types = values.flat_map(|value| value.split(',')).map(|range| {
            let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
            let name = parts.next().unwrap_or_default();
            let quality = parts.find_map(|parameter| Some(thousandths(parameter.strip_prefix("q=")?)));
            (name, quality.unwrap_or(1000))
        });
        Self(types.collect())
    }

    fn quality(&self, name: &str) -> u16 {
        self.0.iter().filter(|(named, _)| named == name).map(|(_, quality)| *quality).max().unwrap_or_default()
    }
}

/// `0.85` is 850; what is none counts as 1.
fn thousandths(quality: &str) -> u16 {
    let (whole, rest) = quality.split_once('.').unwrap_or((quality, ""));
    match (whole, format!("{rest:0<3}").get(..3).and_then(|digits| digits.parse().ok())) {
        ("0", Some(thousandths)) => thousandths,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn media() {
        for (accept, media) in [
            ("*/*", Media::Json),
            ("text/html", Media::Json),
            ("application/json", Media::JsonAlone),
            ("application/json; charset=utf-8, text/plain, */*", Media::JsonAlone),
            ("Application/GraphQL-Response+JSON", Media::GraphQl),
            ("application/graphql-response+json,application/json;q=0.9", Media::GraphQl),
            ("application/json;q=0.9, application/graphql-response+json; charset=utf-8 ;q=0.95", Media::GraphQl),
            ("application/graphql-response+json;q=0.1, application/json", Media::Json),
            ("application/graphql-response+json;q=0, application/json", Media::JsonAlone),
        ] {
            assert_eq!(Media::of(&headers(accept)), media, "{accept}");
        }
        assert_eq!(Media::of(&HeaderMap::new()), Media::Json);
    }

    #[test]
    fn pages() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        assert!(wants_page(&headers(browser)));
        for data in ["*/*", "application/json", "application/json, text/html;q=0.5"] {
            assert!(!wants_page(&headers(data)), "{data}");
        }
    }
}
