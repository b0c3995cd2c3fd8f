//! Requests at a steady rate, by REST and GraphQL, whether or not the ones before were answered.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, interval, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trellis_tests::{PASSWORD, Session, unique};

/// From one request to the next.
const EVERY: Duration = Duration::from_millis(100);
/// With more under way the machine has more to do than it can: it is let breathe. What is refused then is refused for
/// that, whatever is restarted.
const MOST: usize = 12;
const PATIENCE: Duration = Duration::from_mins(2);

const COMMENT: &str = "mutation($org: String!, $content: String!) {
  createTaskComment(orgSlug: $org, taskId: \"WEB-1\", content: $content) { success errors comment { id } } }";
const BOARD: &str = "query($org: String!) { projects(orgSlug: $org) { name taskCount }
  task(orgSlug: $org, taskId: \"WEB-1\") { title assignee { name } } me { name } }";

/// Goes to one gateway after the other; once elsewhere where it is told 503 or is refused a connection. Connections are
/// kept, and not used again after `Connection: close`.
pub struct Client {
    urls: Vec<String>,
    http: reqwest::Client,
    token: String,
    email: String,
    next: AtomicUsize,
}

impl Client {
    pub fn new(urls: &[String], session: &Session) -> Self {
        Self {
            urls: urls.to_vec(),
            http: reqwest::Client::new(),
            token: session.token.clone(),
            email: session.email().to_owned(),
            next: AtomicUsize::new(0),
        }
    }

    /// The body of an answer that says yes, or what went wrong.
    async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Result<Value, String> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut told = String::new();
        for turn in first..first + 2 {
            let url = format!("{}{path}", self.urls[turn % self.urls.len()]);
            let mut request = self.http.request(method.clone(), &url).bearer_auth(&self.token);
            request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
            request = body.iter().fold(request, RequestBuilder::json);
            match request.send().await {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    told = format!("{url}: 503 {}", answer.text().await.unwrap_or_default());
                }
                Ok(answer) => {
                    let status = answer.status();
                    let text = answer.text().await.map_err(|error| format!("{url}: {status}, then {error:?}"))?;
                    let yes = status.is_success().then(|| serde_json::from_str(&text).ok()).flatten();
                    return yes.ok_or_else(|| format!("{url}: {status} {text}"));
                }
                Err(error) if error.is_connect() => told = format!("{url}: {error:?}"),
                Err(error) => return Err(format!("{url}: {error:?}")),
            }
        }
        Err(format!("twice, at last {told}"))
    }

    async fn graph(&self, document: &str, variables: Value) -> Result<(), String> {
        let body = json!({"query": document, "variables": variables});
        let answer = self.ask(Method::POST, "/graphql", None, Some(body)).await?;
        let refused = answer["data"].as_object().is_none_or(|data| data.values().any(|it| it["success"] == false));
        if refused || answer.get("errors").is_some() { Err(answer.to_string()) } else { Ok(()) }
    }
}

pub struct Load {
    client: Client,
    org: String,
    stopped: AtomicBool,
    under_way: TaskTracker,
    answered: AtomicUsize,
    times: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
    /// What was acknowledged.
    commented: Mutex<BTreeSet<String>>,
}

impl Load {
    pub fn new(client: Client, org: &str) -> Self {
        Self {
            client,
            org: org.to_owned(),
            stopped: AtomicBool::default(),
            under_way: TaskTracker::new(),
            answered: AtomicUsize::default(),
            times: Mutex::default(),
            failures: Mutex::default(),
            commented: Mutex::default(),
        }
    }

    pub async fn run(self: Arc<Self>, over: CancellationToken) {
        let mut tick = interval(EVERY);
        let asking = async {
            for number in 0_usize.. {
                tick.tick().await;
                if !self.stopped.load(Ordering::Relaxed) && self.under_way.len() < MOST {
                    let load = Arc::clone(&self);
                    self.under_way.spawn(async move { load.one(number).await });
                }
            }
        };
        over.run_until_cancelled(asking).await;
    }

    async fn one(&self, number: usize) {
        let began = Instant::now();
        if let Err(why) = self.operation(number).await {
            self.failures.lock().unwrap().push(format!("request {number}: {why}"));
        }
        self.times.lock().unwrap().push(began.elapsed());
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    async fn operation(&self, number: usize) -> Result<(), String> {
        let (client, org) = (&self.client, &self.org);
        let at = |path: &str| format!("/api/v1/organizations/{org}{path}");
        let get = async |path: String| client.ask(Method::GET, &path, None, None).await;
        let content = format!("comment {number}");
        match number % 10 {
            0 | 5 => {
                let body = json!({"content": content});
                let key = number.is_multiple_of(2).then(|| format!("rolling-{number}"));
                client.ask(Method::POST, &at("/tasks/WEB-1/comments"), key.as_deref(), Some(body)).await?;
                self.commented.lock().unwrap().insert(content);
            }
            1 => {
                client.graph(COMMENT, json!({"org": org, "content": content})).await?;
                self.commented.lock().unwrap().insert(content);
            }
            2 => drop(get(at("/projects/WEB/tasks")).await?),
            3 => drop(get(at("/tasks/WEB-1/comments?limit=10")).await?),
            4 => drop(get("/api/v1/me".to_owned()).await?),
            6 => drop(get(at("/members")).await?),
            7 => {
                let body = json!({"description": content});
                client.ask(Method::PATCH, &at("/tasks/WEB-1"), None, Some(body)).await?;
            }
            8 => client.graph(BOARD, json!({"org": org})).await?,
            _ if number.is_multiple_of(3) => {
                let body = json!({"email": client.email, "password": PASSWORD});
                client.ask(Method::POST, "/api/v1/auth/login", None, Some(body)).await?;
            }
            _ => {
                let body = json!({"email": format!("{}@example.test", unique("guest")), "role": "MEMBER"});
                client.ask(Method::POST, &at("/invitations"), None, Some(body)).await?;
            }
        }
        Ok(())
    }

    /// Waits until so many more were answered.
    pub async fn answered_more(&self, more: usize) {
        let (wanted, deadline) = (self.answered.load(Ordering::Relaxed) + more, Instant::now() + PATIENCE);
        while self.answered.load(Ordering::Relaxed) < wanted {
            assert!(Instant::now() < deadline, "requests are not answered any more");
            sleep(EVERY).await;
        }
    }

    /// No more requests; waits for the answers to those that were made.
    pub async fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.under_way.close();
        self.under_way.wait().await;
    }

    pub fn commented(&self) -> BTreeSet<String> {
        self.commented.lock().unwrap().clone()
    }

    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    pub fn summary(&self) -> String {
        let mut times = self.times.lock().unwrap().clone();
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        let (count, failed) = (times.len(), self.failures.lock().unwrap().len());
        format!("{count} requests, {failed} failed; p50 {:?}, p99 {:?}, slowest {:?}", at(50), at(99), at(100))
    }
}
