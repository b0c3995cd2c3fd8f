//! Sockets that come back: each goes on from its last cursor, at whichever gateway, and notes what it hears.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};
use uuid::Uuid;

use crate::{
    ledger::{Number, mark_of},
    world::{Person, World},
};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

const CONNECT: Duration = Duration::from_secs(4);
/// After so long without a frame the client asks whether anybody is there.
const QUIET: Duration = Duration::from_secs(2);
/// How long it then waits before it goes elsewhere.
const ANSWER: Duration = Duration::from_secs(4);
/// Every so many sockets one goes away by itself now and then, as people close their laptops.
const RESTLESS: usize = 4;

/// What a socket listens to, for the comparison with the log.
#[derive(Debug, Clone)]
pub struct Topic {
    pub name: String,
    /// Whose order it is, and which part of it.
    pub scope: Uuid,
    pub subject: Option<Uuid>,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    pub at: Instant,
    /// Which comment it tells of.
    pub comment: Option<Number>,
}

/// What one socket heard.
#[derive(Debug, Clone)]
pub struct Heard {
    pub topic: Topic,
    pub user: Uuid,
    pub events: Vec<Event>,
    pub connections: usize,
    /// What should not have been said.
    pub wrongs: Vec<String>,
}

pub struct Sockets {
    pub all: Vec<Arc<Listener>>,
    stop: Arc<AtomicBool>,
}

pub struct Listener {
    person: Person,
    heard: Mutex<Heard>,
    subscribed: AtomicBool,
    restless: bool,
}

/// Where a listener stands and goes.
struct Tour {
    bases: Vec<String>,
    after: Option<String>,
    random: StdRng,
}

enum End {
    /// Connect again.
    Gone,
    Stopped,
}

impl Sockets {
    /// Opens them all; each begins where its order is now. `notifications`: whether the system has that topic.
    pub fn open(bases: &[String], world: &World, count: usize, seed: u64, notifications: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let all: Vec<_> = (0..count).map(|number| Arc::new(Listener::new(world, number, notifications))).collect();
        for (number, listener) in all.iter().enumerate() {
            let random = StdRng::seed_from_u64(seed ^ (number as u64) << 32);
            let tour = Tour { bases: bases.to_vec(), after: None, random };
            tokio::spawn(Arc::clone(listener).run(tour, Arc::clone(&stop)));
        }
        Self { all, stop }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether each was told where it begins.
    pub fn subscribed(&self) -> bool {
        self.all.iter().all(|listener| listener.subscribed.load(Ordering::Relaxed))
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.all.iter().map(|listener| listener.heard().clone()).collect()
    }

    pub fn counts(&self) -> Vec<usize> {
        self.all.iter().map(|listener| listener.heard().events.len()).collect()
    }
}

impl Listener {
    fn new(world: &World, number: usize, notifications: bool) -> Self {
        let of = &world.organizations[number % world.organizations.len()];
        let turn = number / world.organizations.len();
        let person = &of.people[turn % of.people.len()];
        let project = &of.projects[turn % of.projects.len()];
        let task = &project.tasks[turn % project.tasks.len()];
        let topic = match turn % 5 {
            4 if notifications => Topic { name: "notifications".to_owned(), scope: person.id, subject: None },
            0 | 2 | 4 => {
                Topic { name: format!("project:{}/{}", of.slug, project.key), scope: project.id, subject: None }
            }
            _ => {
                let name = format!("task:{}/{}", of.slug, task.task_id);
                Topic { name, scope: project.id, subject: Some(task.id) }
            }
        };
        let (events, wrongs) = (Vec::new(), Vec::new());
        Self {
            person: person.clone(),
            heard: Mutex::new(Heard { topic, user: person.id, events, connections: 0, wrongs }),
            subscribed: AtomicBool::new(false),
            restless: number.is_multiple_of(RESTLESS),
        }
    }

    async fn run(self: Arc<Self>, mut tour: Tour, stop: Arc<AtomicBool>) {
        let topic = self.heard().topic.name.clone();
        let mut failures = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            let before = self.heard().connections;
            let base = tour.bases[tour.random.random_range(0..tour.bases.len())].clone();
            if let Some(stream) = connect(&base, &self.person.token).await
                && let End::Stopped = self.listen(stream, &topic, &mut tour, &stop).await
            {
                return;
            }
            // As a client should: not at once, and ever later where it is of no use.
            failures = if self.heard().connections > before { 0 } else { (failures + 1).min(3) };
            let longest = 400 * 2_u64.pow(failures);
            sleep(Duration::from_millis(tour.random.random_range(50..longest))).await;
        }
    }

    async fn listen(&self, mut stream: Stream, topic: &str, tour: &mut Tour, stop: &AtomicBool) -> End {
        let mut frame = json!({"type": "subscribe", "id": 1, "topic": topic});
        if let Some(after) = &tour.after {
            frame["after"] = after.as_str().into();
        }
        if stream.send(Message::text(frame.to_string())).await.is_err() {
            return End::Gone;
        }
        let stay = Duration::from_millis(tour.random.random_range(1_000..8_000));
        let leave = self.restless.then(|| Instant::now() + stay);
        let (mut heard_at, mut asked) = (Instant::now(), false);
        loop {
            if stop.load(Ordering::Relaxed) {
                return End::Stopped;
            }
            if leave.is_some_and(|leave| Instant::now() > leave) {
                return End::Gone;
            }
            match timeout(Duration::from_millis(250), stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    (heard_at, asked) = (Instant::now(), false);
                    let Ok(frame) = serde_json::from_str(&text) else {
                        self.wrong(format!("a frame that is not JSON: {text}"));
                        return End::Gone;
                    };
                    if !self.take(&frame, tour) {
                        return End::Gone;
                    }
                }
                Ok(Some(Ok(Message::Close(close)))) => {
                    let code = close.map_or(1005, |frame| frame.code.into());
                    // Neither was said to somebody whose session and membership are as they were.
                    if [4400, 4401, 4403, 4429, 1009].contains(&code) {
                        self.wrong(format!("closed with {code}"));
                    }
                    return End::Gone;
                }
                Ok(Some(Ok(_))) => (heard_at, asked) = (Instant::now(), false),
                Ok(None | Some(Err(_))) => return End::Gone,
                Err(_) if heard_at.elapsed() > QUIET + ANSWER => return End::Gone,
                Err(_) if heard_at.elapsed() > QUIET && !asked => {
                    asked = true;
                    if stream.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
                        return End::Gone;
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Notes a frame; whether to go on listening.
    fn take(&self, frame: &Value, tour: &mut Tour) -> bool {
        let cursor = frame["cursor"].as_str().map(str::to_owned);
        match frame["type"].as_str().unwrap_or_default() {
            "subscribed" => {
                if frame["recovered"] != true {
                    self.wrong(format!("did not go on from its cursor: {frame}"));
                } else if tour.after.is_some() && tour.after != cursor {
                    self.wrong(format!("goes on from elsewhere than it was: {frame}"));
                }
                tour.after = cursor;
                self.heard().connections += 1;
                self.subscribed.store(true, Ordering::Relaxed);
            }
            "event" => {
                let event = &frame["event"];
                let Some(id) = event["id"].as_str().and_then(|id| id.parse().ok()) else {
                    self.wrong(format!("an event without an id: {frame}"));
                    return false;
                };
                let of_comment = event["kind"] == "comment.created";
                let content = event["data"]["content"].as_str().filter(|_| of_comment);
                self.heard().events.push(Event { id, at: Instant::now(), comment: content.and_then(mark_of) });
                tour.after = cursor;
            }
            "position" => tour.after = cursor,
            "error" if frame["code"] == "unavailable" => return false,
            "pong" => {}
            _ => {
                self.wrong(format!("an unexpected frame: {frame}"));
                return false;
            }
        }
        true
    }

    fn wrong(&self, what: String) {
        self.heard().wrongs.push(what);
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signed in at a gateway.
pub async fn connect(base: &str, token: &str) -> Option<Stream> {
    let mut request = format!("{}/api/v1/live", base.replacen("http", "ws", 1)).into_client_request().ok()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("trellis.v1"));
    request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    let (stream, _) = timeout(CONNECT, connect_async(request)).await.ok()?.ok()?;
    Some(stream)
}

/// Whether the gateway knows the topic.
pub async fn knows(base: &str, token: &str, topic: &str) -> bool {
    let Some(mut stream) = connect(base, token).await else { return false };
    let frame = json!({"type": "subscribe", "id": 1, "topic": topic});
    if stream.send(Message::text(frame.to_string())).await.is_err() {
        return false;
    }
    let answer = timeout(CONNECT, stream.next()).await;
    matches!(answer, Ok(Some(Ok(Message::Text(text)))) if text.contains(r#""subscribed""#))
}
