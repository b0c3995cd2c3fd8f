//! A client as the contract wants it: goes to another gateway where one does not answer, and knows which answers are
//! one.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{ledger::Attempt, world::Person};

/// Longer than the deadline of a gateway's calls; what stands still longer does not answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// All gateways, as clients reach them.
#[derive(Clone)]
pub struct Client {
    pub bases: Vec<String>,
    http: reqwest::Client,
}

pub struct Request<'a> {
    pub person: &'a Person,
    pub method: Method,
    /// From the root on.
    pub path: String,
    pub body: Option<Value>,
    pub key: Option<Uuid>,
    /// `If-Match`.
    pub version: Option<u64>,
}

pub enum Answer {
    /// An answer that settles it: what the operation gives.
    Yes(Value),
    /// The system says no; its code.
    No(String),
    /// No answer, or one that says to come again.
    Again,
}

impl Client {
    pub fn new(bases: Vec<String>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(2)).build()?;
        Ok(Self { bases, http })
    }

    /// Once, at this gateway.
    pub async fn ask(&self, gateway: usize, request: &Request<'_>) -> (Answer, Attempt) {
        let begun = Instant::now();
        let (answer, word, perhaps) = match self.send(gateway, request).await {
            Ok((status, body)) => read(status, body),
            // Nobody was there, so nobody did it.
            Err(error) if error.is_connect() => (Answer::Again, "no connection".to_owned(), false),
            Err(error) if error.is_timeout() => (Answer::Again, "no answer in time".to_owned(), true),
            Err(_) => (Answer::Again, "the connection broke".to_owned(), true),
        };
        (answer, Attempt { gateway, begun, took: begun.elapsed(), answer: word, perhaps })
    }

    /// How long it takes to say that it lives.
    pub async fn pulse(&self, gateway: usize) -> Duration {
        let begun = Instant::now();
        self.http.get(format!("{}/healthz", self.bases[gateway])).send().await.ok();
        begun.elapsed()
    }

    async fn send(&self, gateway: usize, request: &Request<'_>) -> reqwest::Result<(StatusCode, Value)> {
        let url = format!("{}{}", self.bases[gateway], request.path);
        let mut built = self.http.request(request.method.clone(), url).bearer_auth(&request.person.token);
        if let Some(key) = request.key {
            built = built.header("idempotency-key", key.to_string());
        }
        if let Some(version) = request.version {
            built = built.header("if-match", format!("\"{version}\""));
        }
        if let Some(body) = &request.body {
            built = built.json(body);
        }
        let response = built.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }
}

impl<'a> Request<'a> {
    /// Of REST; `path` is below `/api/v1`.
    pub fn rest(person: &'a Person, method: Method, path: &str, body: Option<Value>) -> Self {
        Self { person, method, path: format!("/api/v1{path}"), body, key: None, version: None }
    }

    pub fn graph(person: &'a Person, document: &str, variables: &Value) -> Self {
        let body = json!({"query": document, "variables": variables});
        Self { person, method: Method::POST, path: "/graphql".to_owned(), body: Some(body), key: None, version: None }
    }

    #[must_use]
    pub fn once(mut self, key: Uuid) -> Self {
        self.key = Some(key);
        self
    }
}

/// What an answer means, a word for the ledger, and whether the request may have been done all the same.
fn read(status: StatusCode, body: Value) -> (Answer, String, bool) {
    let code = body["code"].as_str().unwrap_or_default();
    let word = format!("{} {code}", status.as_u16());
    match status.as_u16() {
        200 if body.get("data").is_some() => read_graph(&body),
        200..300 => (Answer::Yes(body), word, false),
        409 if code == "idempotency_in_flight" => (Answer::Again, word, true),
        429 => (Answer::Again, word, false),
        400..500 => (Answer::No(word.clone()), word, false),
        _ => (Answer::Again, word, true),
    }
}

/// A GraphQL answer's only field. Refusals are in it, or beside it.
fn read_graph(body: &Value) -> (Answer, String, bool) {
    let payload = body["data"].as_object().and_then(|data| data.values().next()).cloned().unwrap_or(Value::Null);
    if body.get("errors").is_none() && payload["success"] == true {
        return (Answer::Yes(payload), "200".to_owned(), false);
    }
    let refusal = body["errors"][0]["extensions"]["code"].as_str().or(payload["userErrors"][0]["code"].as_str());
    let code = refusal.unwrap_or("no code").to_owned();
    let word = format!("200 {code}");
    match code.as_str() {
        "unavailable" | "internal" | "idempotency_in_flight" | "no code" => (Answer::Again, word, true),
        "rate_limited" => (Answer::Again, word, false),
        _ => (Answer::No(word.clone()), word, false),
    }
}
