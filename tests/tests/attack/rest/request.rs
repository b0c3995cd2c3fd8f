//! A request as a template: what stands in braces is filled in with names.

use reqwest::Method;
use serde_json::Value;
use trellis_tests::{Answer, Api, PASSWORD};

use crate::world::Names;

/// What an HTTP client sends, whoever it is.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub body: Option<String>,
}

impl Request {
    /// "METHOD /path", and a body where that is not empty.
    pub fn template(operation: &str, body: &str) -> Self {
        let (method, path) = operation.split_once(' ').expect("method and path");
        Self {
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            body: Some(body.to_owned()).filter(|body| !body.is_empty()),
        }
    }

    #[must_use]
    pub fn fill(&self, names: &Names) -> Self {
        Self {
            method: self.method.clone(),
            path: filled(&self.path, names),
            body: self.body.as_ref().map(|body| filled(body, names)),
        }
    }

    #[must_use]
    pub fn with_body(&self, body: Option<&str>) -> Self {
        Self { body: body.map(str::to_owned), ..self.clone() }
    }

    pub async fn send(&self, api: &Api, authorization: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        let mut all = headers.to_vec();
        all.extend(authorization.map(|value| ("authorization", value)));
        api.send(self.method.clone(), &format!("/{}", self.path), &all, self.body.clone()).await
    }
}

/// The text with every name in its place; none may be left.
pub fn filled(template: &str, names: &Names) -> String {
    let text = names.fill(template).replace("{password}", PASSWORD);
    let left = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    for (name, _) in left {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(!is_name, "there is no name for {name} in {template}");
    }
    text
}

/// All that an answer shows, but what differs in any two.
pub fn seen(answer: &Answer) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        // What they name may be longer than what is not there.
        .filter(|(name, _)| name.as_str() != "content-length")
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let mut body = answer.body.clone();
    if let Some(id) = body.get_mut("request_id") {
        *id = Value::Null;
    }
    let body = if body.is_null() { answer.text.clone() } else { body.to_string() };
    format!("{} [{}] {body}", answer.status.as_u16(), headers.join("; "))
}
