//! A REST client that shows everything a test may want to look at.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::time::sleep;

/// A word that nobody else uses: for e-mails, slugs and names of one test.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{prefix}-{}", &id[..12])
}

/// One gateway, seen by a client that is not signed in.
#[derive(Clone)]
pub struct Api {
    pub base: String,
    pub http: reqwest::Client,
}

/// A signed-in user.
#[derive(Clone)]
pub struct Session {
    pub api: Api,
    pub token: String,
    pub refresh_token: String,
    pub user: Value,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `Null` where the body is empty or not JSON.
    pub body: Value,
    pub text: String,
}

pub const PASSWORD: &str = "a-quite-long-passphrase";

/// How long one asks again for what others keep from being done, several times the 10 s that writers queue.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(250);

/// Asks, and asks again while the answer is that one may: a slow machine has a crowd wait for longer than any queue has
/// it wait. For what may be asked twice: see [`Session::post_once`].
pub async fn patiently<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if !answer.lets_ask_again() || Instant::now() > deadline {
            return answer;
        }
        sleep(PAUSE).await;
    }
}

impl Api {
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into(), http: reqwest::Client::new() }
    }

    /// The shared cluster.
    pub fn shared() -> Self {
        Self::new(crate::base())
    }

    /// `path` is below `/api/v1`, or absolute where it starts with `//`.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let url = match path.strip_prefix("//") {
            Some(absolute) => format!("{}/{absolute}", self.base),
            None => format!("{}/api/v1{path}", self.base),
        };
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is text");
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string())).await
    }

    /// A new user with a name of its own.
    pub async fn register(&self, name: &str) -> Session {
        self.register_with(json!({"name": name})).await
    }

    /// A new user; what `extra` names is set beside or instead of the defaults.
    pub async fn register_with(&self, extra: Value) -> Session {
        let mut body =
            json!({"email": format!("{}@example.test", unique("user")), "name": "Someone", "password": PASSWORD});
        for (name, value) in extra.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        // It knows no keys; who is sent away is nobody yet.
        self.session(&patiently(|| self.post("/auth/register", body.clone())).await.expect(201))
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", json!({"email": email, "password": password})).await
    }

    /// The session of an answer with tokens.
    pub fn session(&self, tokens: &Value) -> Session {
        let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}")).to_owned();
        Session {
            api: self.clone(),
            token: text("access_token"),
            refresh_token: text("refresh_token"),
            user: tokens["user"].clone(),
        }
    }
}

impl Session {
    pub fn id(&self) -> &str {
        self.user["id"].as_str().expect("a user has an id")
    }

    pub fn email(&self) -> &str {
        self.user["email"].as_str().expect("a user has an e-mail")
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.api.send(method, path, &all, body.map(|body| body.to_string())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// As `post`, and sent again where the servers have too much to do; under a fresh key, so that it is done once.
    pub async fn post_once(&self, path: &str, body: Value) -> Answer {
        let key = uuid::Uuid::new_v4().to_string();
        let headers = [("idempotency-key", key.as_str())];
        patiently(|| self.send(Method::POST, path, &headers, Some(body.clone()))).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// A new organization of this user; gives its slug.
    pub async fn organization(&self) -> String {
        let slug = unique("org");
        let body = json!({"name": slug, "slug": slug, "contact_email": format!("{slug}@example.test")});
        self.post_once("/organizations", body).await.expect(201);
        slug
    }

    /// A new project, as its JSON.
    pub async fn project(&self, org: &str, body: Value) -> Value {
        self.post_once(&format!("/organizations/{org}/projects"), body).await.expect(201)
    }

    /// A new task, as its JSON.
    pub async fn task(&self, org: &str, project: &str, title: &str) -> Value {
        let path = format!("/organizations/{org}/projects/{project}/tasks");
        self.post_once(&path, json!({"title": title})).await.expect(201)
    }

    /// A new member of this ADMIN's organization, who registers with an invitation.
    pub async fn invite(&self, org: &str, name: &str, role: &str) -> Session {
        let email = format!("{}@example.test", unique("user"));
        let invitation = self
            .post_once(&format!("/organizations/{org}/invitations"), json!({"email": email, "role": role}))
            .await
            .expect(201);
        self.api.register_with(json!({"name": name, "email": email, "invitation_token": invitation["token"]})).await
    }
}

impl Answer {
    /// The body, where the status is the wanted one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body
    }

    /// The one problem+json shape, with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let kind = self.header("content-type").to_owned();
        assert!(kind.starts_with("application/problem+json"), "{kind}: {}", self.text);
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        for member in ["type", "title", "detail", "request_id"] {
            assert!(self.body[member].is_string(), "no {member}: {}", self.text);
        }
        assert_eq!(self.body["request_id"], self.header("x-request-id"), "{}", self.text);
        self.body
    }

    /// The servers have too much to do, or are still at the same request: whoever asks again may be served.
    fn lets_ask_again(&self) -> bool {
        let in_graph = &self.body["errors"][0]["extensions"]["code"];
        match self.status.as_u16() {
            503 => self.body["code"] == "unavailable" || in_graph == "unavailable",
            409 => self.body["code"] == "idempotency_in_flight",
            _ => false,
        }
    }

    /// The names of the bad fields, sorted.
    pub fn bad_fields(&self) -> Vec<String> {
        fields_of(&self.body)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn cursor(&self) -> String {
        self.header("trellis-cursor").to_owned()
    }
}

/// The names of the bad fields of a problem, sorted.
pub fn fields_of(problem: &Value) -> Vec<String> {
    let mut fields: Vec<String> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| Some(error["field"].as_str()?.to_owned()))
        .collect();
    fields.sort();
    fields.dedup();
    fields
}
