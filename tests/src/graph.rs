//! A GraphQL client over HTTP that shows everything a test may want to look at.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{Answer, Api, Session};

/// `/graphql`, with this `Authorization` header.
#[derive(Clone)]
pub struct Graph {
    pub api: Api,
    pub authorization: Option<String>,
}

impl Api {
    /// Signed out.
    pub fn graph(&self) -> Graph {
        Graph { api: self.clone(), authorization: None }
    }
}

impl Session {
    pub fn graph(&self) -> Graph {
        self.api.graph().with(&format!("Bearer {}", self.token))
    }
}

impl Graph {
    #[must_use]
    pub fn with(&self, authorization: &str) -> Self {
        Self { api: self.api.clone(), authorization: Some(authorization.to_owned()) }
    }

    /// As clients of the original present their token.
    #[must_use]
    pub fn jwt(&self, token: &str) -> Self {
        self.with(&format!("JWT {token}"))
    }

    /// The whole answer.
    pub async fn post(&self, document: &str, variables: Value) -> Answer {
        self.post_with(&[], json!({"query": document, "variables": variables}).to_string()).await
    }

    /// A body as it is, with more headers.
    pub async fn post_with(&self, headers: &[(&str, &str)], body: String) -> Answer {
        let mut all = headers.to_vec();
        if let Some(authorization) = &self.authorization {
            all.push(("authorization", authorization));
        }
        self.api.send(Method::POST, "//graphql", &all, Some(body)).await
    }

    /// The data of an operation of which nothing was refused.
    pub async fn data(&self, document: &str, variables: Value) -> Value {
        self.post(document, variables).await.data()
    }

    /// The value of the only root field; nothing was refused.
    pub async fn field(&self, document: &str, variables: Value) -> Value {
        only(self.data(document, variables).await)
    }

    /// The payload of a mutation that was done.
    pub async fn done(&self, document: &str, variables: Value) -> Value {
        self.post(document, variables).await.done()
    }

    /// What a mutation says why it was not done.
    pub async fn failed(&self, document: &str, variables: Value) -> Vec<String> {
        self.post(document, variables).await.failed()
    }

    /// `code` of the only error of a refused query, and its message; the field is null.
    pub async fn refused(&self, document: &str, variables: Value) -> (String, String) {
        self.post(document, variables).await.refused()
    }
}

impl Answer {
    /// 200, `data`, no `errors`.
    #[track_caller]
    pub fn data(self) -> Value {
        assert_eq!(self.status.as_u16(), 200, "{}", self.text);
        assert!(self.body.get("errors").is_none(), "{}", self.text);
        assert!(self.body["data"].is_object(), "{}", self.text);
        self.body["data"].clone()
    }

    /// `success: true`, no errors, and whatever object was asked for is there.
    #[track_caller]
    pub fn done(self) -> Value {
        let text = self.text.clone();
        let payload = only(self.data());
        assert_eq!((&payload["success"], &payload["errors"]), (&json!(true), &json!([])), "{text}");
        if let Some(errors) = payload.get("userErrors") {
            assert_eq!(errors, &json!([]), "{text}");
        }
        payload
    }

    /// `success: false`, sentences, and every object null.
    #[track_caller]
    pub fn failed(self) -> Vec<String> {
        let text = self.text.clone();
        let payload = only(self.data());
        assert_eq!(payload["success"], false, "{text}");
        for (name, value) in fields(&payload) {
            if !["success", "errors", "userErrors"].contains(&name.as_str()) {
                assert!(value.is_null(), "{name} is not null: {text}");
            }
        }
        let errors = payload["errors"].as_array().unwrap_or_else(|| panic!("no errors: {text}"));
        assert!(!errors.is_empty(), "{text}");
        if let Some(user_errors) = payload.get("userErrors") {
            assert!(!user_errors.as_array().is_none_or(Vec::is_empty), "{text}");
        }
        errors.iter().map(|error| error.as_str().expect("a sentence").to_owned()).collect()
    }

    /// 200, one error with a code and the field's path, and `data` in which the field is null.
    #[track_caller]
    pub fn refused(self) -> (String, String) {
        assert_eq!(self.status.as_u16(), 200, "what executed is 200: {}", self.text);
        let data = self.body["data"].as_object().unwrap_or_else(|| panic!("no data: {}", self.text));
        assert!(data.len() == 1 && data.values().all(Value::is_null), "the field is null: {}", self.text);
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {}", self.text));
        assert_eq!(errors.len(), 1, "{}", self.text);
        assert_eq!(errors[0]["path"], json!(data.keys().collect::<Vec<_>>()), "{}", self.text);
        let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {}", self.text)).to_owned();
        (word(&errors[0]["extensions"]["code"]), word(&errors[0]["message"]))
    }

    /// Nothing ran: this status, `errors` with a code each, no `data`. Gives the messages.
    #[track_caller]
    pub fn not_run(self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.body.get("data").is_none(), "there is data: {}", self.text);
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {}", self.text));
        assert!(!errors.is_empty(), "{}", self.text);
        let messages = errors.iter().map(|error| {
            assert!(error["extensions"]["code"].is_string(), "no code: {}", self.text);
            error["message"].as_str().unwrap_or_else(|| panic!("no message: {}", self.text))
        });
        messages.collect::<Vec<_>>().join("; ")
    }
}

/// The value of the only field of an object.
#[track_caller]
fn only(data: Value) -> Value {
    let Value::Object(map) = data else { panic!("not an object: {data}") };
    assert_eq!(map.len(), 1, "one field is expected: {map:?}");
    map.into_iter().next().map(|(_, value)| value).unwrap_or_default()
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("not an object: {value}")).clone()
}
