//! Somebody who is removed and comes back (and, in [`crate::logouts`], logs in and out): from a second after that was
//! acknowledged on, no gateway may answer them and no socket may tell them anything.
//!
//! While something is broken a gateway may not know of it; then it may go on for as long as a yes is remembered and
//! the feeds may be silent, and no longer.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Answer, Client, Request},
    director::Weather,
    pulse::Pulse,
    sockets::connect,
    world::World,
};

/// What the contract promises.
pub const BOUND: Duration = Duration::from_secs(1);
/// What a run holds against the system, besides what the machine itself takes: it may be slow.
const GRANTED: Duration = Duration::from_secs(2);
/// While something is broken: the feeds may be silent for 10 s, a yes is remembered for 5 s.
pub(crate) const GRANTED_IN_BAD_WEATHER: Duration = Duration::from_secs(16);
/// What was broken until just now is not over yet.
pub(crate) const CLEARS_UP: Duration = Duration::from_secs(4);
/// Between two requests of somebody who asks all the time.
pub(crate) const PAUSE: Duration = Duration::from_millis(60);

/// When it ended for whom, how often.
#[derive(Clone, Copy, Default)]
struct Out {
    since: Option<Instant>,
    /// Grows whenever it ends or begins again.
    turn: usize,
}

#[derive(Default)]
pub struct Seen {
    pub wrongs: Vec<String>,
    pub trials: usize,
    /// From the acknowledgement to the socket, in calm weather.
    pub revoked: Vec<Duration>,
    pub closed: Vec<Duration>,
    /// When the last request was sent that was let in, in calm weather.
    pub answered: Vec<Duration>,
}

pub struct Members {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) weather: Arc<Weather>,
    stop: Arc<AtomicBool>,
    out: Mutex<Out>,
    seen: Mutex<Seen>,
    pulse: Pulse,
}

impl Members {
    pub fn new(client: Client, world: Arc<World>, weather: Arc<Weather>, stop: Arc<AtomicBool>) -> Arc<Self> {
        // Out from the start, but for so long that nothing is expected of it.
        Arc::new(Self {
            client,
            world,
            weather,
            stop,
            out: Mutex::default(),
            seen: Mutex::default(),
            pulse: Pulse::default(),
        })
    }

    /// Removals one after the other until told to stop, or so many.
    pub async fn wander(self: Arc<Self>, seed: u64, most: usize) {
        let mut random = StdRng::seed_from_u64(seed ^ 0x6d_65_6d_62);
        let feeling = Arc::clone(&self);
        tokio::spawn(async move { feeling.pulse.feel(&feeling.client, || feeling.stopped()).await });
        for gateway in 0..self.client.bases.len() {
            for path in self.paths() {
                tokio::spawn(Arc::clone(&self).ask(gateway, path));
            }
            tokio::spawn(Arc::clone(&self).listen(gateway));
        }
        for _ in 0..most {
            if self.stopped() || !self.join().await {
                return;
            }
            // Sometimes the very first yes is still under way when the removal comes.
            sleep(Duration::from_millis(random.random_range(0..1_500))).await;
            if !self.leave().await {
                return;
            }
            let long = random.random_bool(0.2) && self.weather.calm_for() < CLEARS_UP;
            let stays_out = match most {
                _ if long => GRANTED_IN_BAD_WEATHER + BOUND,
                usize::MAX => GRANTED + BOUND,
                // Where they are counted, one follows the other.
                _ => BOUND,
            };
            let until = Instant::now() + stays_out;
            while Instant::now() < until && !self.stopped() {
                sleep(Duration::from_millis(50)).await;
            }
            self.seen().trials += 1;
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn out(&self) -> Out {
        *self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, since: Option<Instant>) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        *out = Out { since, turn: out.turn + 1 };
    }

    /// Something went on for so long after it should have ended.
    pub(crate) fn judge(&self, after: Duration, what: &str) {
        let calm = self.weather.calm_for() > after + CLEARS_UP;
        let granted = if calm { GRANTED + self.pulse.slowest() } else { GRANTED_IN_BAD_WEATHER };
        if after >= granted {
            let weather = if calm { "calm" } else { "bad" };
            self.seen().wrongs.push(format!("{what}: {} ms later, in {weather} weather", after.as_millis()));
        }
    }

    fn paths(&self) -> [String; 2] {
        let of = &self.world.organizations[0];
        [
            format!("/organizations/{}", of.slug),
            format!("/organizations/{}/tasks/{}", of.slug, of.projects[0].tasks[0].task_id),
        ]
    }

    async fn join(&self) -> bool {
        let of = &self.world.organizations[0];
        let path = format!("/organizations/{}/invitations", of.slug);
        let wanderer = &self.world.wanderer;
        while !self.stopped() {
            let body = json!({"email": wanderer.email, "role": "MEMBER"});
            let invite = Request::rest(&of.people[0], Method::POST, &path, Some(body));
            let (answer, _) = self.client.ask(0, &invite).await;
            self.turn(None);
            let token = match answer {
                Answer::Yes(invitation) => invitation["token"].clone(),
                // A member already: an acceptance whose answer was lost.
                Answer::No(code) if code.starts_with("409") => return true,
                _ => {
                    sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            let accept = Request::rest(wanderer, Method::POST, "/invitations/accept", Some(json!({"token": token})));
            if self.insist(0, &accept, |code| code.starts_with("409") || code.starts_with("404")).await.is_some() {
                return true;
            }
        }
        false
    }

    async fn leave(&self) -> bool {
        let of = &self.world.organizations[0];
        let path = format!("/organizations/{}/members/{}", of.slug, self.world.wanderer.id);
        let remove = Request::rest(&of.people[0], Method::DELETE, &path, None);
        let done = self.insist(0, &remove, |code| code.starts_with("404")).await;
        if let Some(since) = done {
            self.turn(Some(since));
        }
        done.is_some()
    }

    /// Asks until it is done, or was before; when that was acknowledged.
    pub(crate) async fn insist(
        &self,
        first: usize,
        request: &Request<'_>,
        done: impl Fn(&str) -> bool,
    ) -> Option<Instant> {
        let mut gateway = first;
        loop {
            match self.client.ask(gateway, request).await.0 {
                Answer::Yes(_) => return Some(Instant::now()),
                Answer::No(code) if done(&code) => return Some(Instant::now()),
                _ if self.stopped() => return None,
                _ => sleep(Duration::from_millis(100)).await,
            }
            gateway = (gateway + 1) % self.client.bases.len();
        }
    }

    /// Asks one gateway all the time, in and out.
    async fn ask(self: Arc<Self>, gateway: usize, path: String) {
        let mut let_in = Duration::ZERO;
        let mut turn = 0;
        while !self.stopped() {
            let before = self.out();
            let sent = Instant::now();
            let request = Request::rest(&self.world.wanderer, Method::GET, &path, None);
            let answer = self.client.ask(gateway, &request).await.0;
            if let Some(since) = before.since
                && self.out().turn == before.turn
            {
                let after = sent.saturating_duration_since(since);
                match answer {
                    Answer::Yes(_) => {
                        let_in = after;
                        self.judge(after, &format!("{path} was answered by gateway {gateway} after a removal"));
                    }
                    Answer::No(_) if turn != before.turn => {
                        turn = before.turn;
                        if self.weather.calm_for() > after + CLEARS_UP {
                            self.seen().answered.push(std::mem::take(&mut let_in));
                        }
                    }
                    _ => {}
                }
            } else {
                let_in = Duration::ZERO;
            }
            sleep(PAUSE).await;
        }
    }

    /// Subscribes at one gateway whenever it is let.
    async fn listen(self: Arc<Self>, gateway: usize) {
        let of = &self.world.organizations[0];
        let topic = format!("project:{}/{}", of.slug, of.projects[0].key);
        let subscribe = json!({"type": "subscribe", "id": 1, "topic": topic}).to_string();
        while !self.stopped() {
            sleep(Duration::from_millis(100)).await;
            let Some(mut socket) = connect(&self.client.bases[gateway], &self.world.wanderer.token).await else {
                continue;
            };
            let mut subscribed = false;
            let mut asked = None;
            while !self.stopped() {
                if !subscribed && asked.is_none() {
                    asked = Some((Instant::now(), self.out()));
                    if socket.send(Message::text(subscribe.clone())).await.is_err() {
                        break;
                    }
                }
                let frame = match timeout(Duration::from_secs(5), socket.next()).await {
                    Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).unwrap_or(Value::Null),
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                    // Quiet, as somebody is who is out.
                    Err(_) if subscribed => continue,
                    _ => break,
                };
                let out = self.out();
                let after = out.since.map(|since| since.elapsed());
                match frame["type"].as_str().unwrap_or_default() {
                    "subscribed" => {
                        subscribed = true;
                        if let Some((sent, before)) = asked.take()
                            && let Some(since) = before.since
                            && out.turn == before.turn
                        {
                            self.judge(sent.saturating_duration_since(since), "was subscribed after a removal");
                        }
                    }
                    "event" => {
                        if let Some(after) = after {
                            self.judge(after, &format!("gateway {gateway} told of an event after a removal"));
                        }
                    }
                    "revoked" => {
                        subscribed = false;
                        if let Some(after) = after
                            && self.weather.calm_for() > after + CLEARS_UP
                        {
                            self.seen().revoked.push(after);
                        }
                    }
                    "error" => {
                        asked = None;
                        sleep(Duration::from_millis(100)).await;
                    }
                    _ => {}
                }
            }
        }
    }
}
