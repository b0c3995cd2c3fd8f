//! One connection: a task that hears its client, its feeds and what ends its rights, and writes in batches.

use std::{collections::VecDeque, future::pending, pin::Pin, sync::Arc, time::Duration};

use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesOrdered, FuturesUnordered},
};
use rand::RngExt;
use tokio::time::{Instant, Sleep, sleep_until};
use trellis_authn::{TokenError, User};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use super::{
    frames::{self, RequestId},
    hub::Hub,
    log::Opened,
    mailbox::Slot,
    protocol::{Ending, Refused, Request},
    registry::{Control, Registration},
    ring::Entry,
    subscription::{Budget, Page, Place, begin},
    subscriptions::{Outgoing, Subscription, Subscriptions},
    topic::Topic,
    wire::Wire,
};
use crate::cursor::Cursor;

/// What is taken before it is written. Small enough that a slow line finishes a batch in time.
const BATCH: Budget = Budget { frames: 256, bytes: 256 * 1024 };
/// Requests of one socket that are being answered; the next one is not read until there is room.
const PIPELINE: usize = 16;
/// Ticks between two pings of ours, and ticks without a sign of life after which the client is gone.
const PING_EVERY: u32 = 2;
const GONE_AFTER: u32 = 5;
/// A token is good for this long after its time.
const LEEWAY: i64 = 5;

/// A signed-in connection.
pub struct Socket {
    hub: Hub,
    user: User,
    wire: Wire,
    registration: Registration,
    subscriptions: Subscriptions,
    out: VecDeque<Outgoing>,
    /// Answers in the order of their requests.
    answers: FuturesOrdered<BoxFuture<'static, Answer>>,
    reading: Option<BoxFuture<'static, (Slot, Arc<Page>)>>,
    checks: FuturesUnordered<BoxFuture<'static, Checked>>,
    /// How often everything had to be checked; an older check no longer counts.
    round: u64,
    clock: Clock,
}

enum Answer {
    Opened(Opening, Result<Opened, Problem>),
    Unsubscribe { id: Option<RequestId>, topic: Topic, spelling: String },
}

struct Opening {
    id: Option<RequestId>,
    topic: Topic,
    spelling: String,
    after: Option<Cursor>,
    round: u64,
}

struct Checked {
    round: u64,
    org: String,
    org_id: Option<Uuid>,
}

/// Everything that a socket does at a time, behind one timer.
struct Clock {
    alarm: Pin<Box<Sleep>>,
    expires: Instant,
    restart: Option<Instant>,
    tick: Instant,
    ticks: u32,
    heard: Instant,
}

impl Socket {
    pub fn new(hub: Hub, user: User, wire: Wire, registration: Registration) -> Self {
        let now = Instant::now();
        let clock = Clock {
            alarm: Box::pin(sleep_until(now)),
            expires: expiry(&user),
            restart: None,
            tick: now + hub.limits.tick,
            ticks: 0,
            heard: now,
        };
        Self {
            hub,
            user,
            wire,
            registration,
            clock,
            subscriptions: Subscriptions::default(),
            out: VecDeque::new(),
            answers: FuturesOrdered::new(),
            reading: None,
            checks: FuturesUnordered::new(),
            round: 0,
        }
    }

    /// Serves until the end, and says why to the client.
    pub async fn run(mut self) {
        let Err(ending) = self.serve().await;
        tracing::debug!(user = %self.user.id, ?ending, "a live socket ends");
        let Self { wire, .. } = self;
        wire.close(ending).await;
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Ending> {
        let mut restart = self.hub.restart.clone();
        restart.mark_changed();
        loop {
            self.subscriptions.fill(BATCH, &mut self.out);
            self.write().await?;
            self.begin_read();
            self.clock.set();
            let busy = self.subscriptions.busy();
            tokio::select! {
                biased;
                Some(control) = self.registration.control.recv() => self.control(control)?,
                () = &mut self.clock.alarm => self.alarm()?,
                Ok(()) = restart.changed() => {
                    let must = *restart.borrow_and_update();
                    self.clock.restart = must.then(|| Instant::now() + jitter(self.hub.limits.spread));
                }
                Some(answer) = self.answers.next() => self.answer(answer),
                Some(checked) = self.checks.next() => self.checked(checked),
                (slot, page) = or_never(&mut self.reading) => self.subscriptions.hand(slot, page),
                () = self.subscriptions.woken() => {}
                message = self.wire.next(), if self.answers.len() < PIPELINE => self.hear(message?)?,
                () = std::future::ready(()), if busy => {}
            }
        }
    }

    /// Writes what is there, together. What ends an access meanwhile takes its frames away.
    async fn write(&mut self) -> Result<(), Ending> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut delivered = Vec::new();
        while !self.out.is_empty() {
            tokio::select! {
                biased;
                Some(control) = self.registration.control.recv() => {
                    self.control(control)?;
                    continue;
                }
                ready = self.wire.ready() => ready?,
            }
            if let Some(outgoing) = self.out.pop_front() {
                self.wire.put(Message::Text(outgoing.frame))?;
                delivered.extend(outgoing.live);
            }
        }
        loop {
            tokio::select! {
                biased;
                Some(control) = self.registration.control.recv() => self.control(control)?,
                flushed = self.wire.flush() => break flushed?,
            }
        }
        measure(&delivered);
        Ok(())
    }

    fn begin_read(&mut self) {
        if self.reading.is_none()
            && let Some(wanted) = self.subscriptions.wanted()
        {
            let hub = self.hub.clone();
            let read = async move { (wanted.slot, hub.page(&wanted.feed, wanted.epoch, wanted.after).await) };
            self.reading = Some(read.boxed());
        }
    }

    fn say(&mut self, frame: Utf8Bytes) {
        self.out.push_back(Outgoing { slot: None, frame, live: None });
    }

    fn hear(&mut self, message: Message) -> Result<(), Ending> {
        self.clock.heard = Instant::now();
        match message {
            Message::Text(text) => match Request::parse(&text) {
                Ok(request) => self.request(request),
                Err(Refused::Invalid { id, message }) => {
                    self.say(frames::error(id.as_deref(), Code::InvalidRequest, &message));
                    Ok(())
                }
                Err(Refused::NotJson) => Err(Ending::Protocol("not a JSON object")),
            },
            Message::Binary(_) => Err(Ending::Protocol("binary frame")),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Ending::Gone),
        }
    }

    fn request(&mut self, request: Request) -> Result<(), Ending> {
        match request {
            Request::Ping { id } => self.say(frames::pong(id.as_deref())),
            Request::Auth { id, token } => {
                self.renew(&token)?;
                self.say(frames::authenticated(id.as_deref()));
            }
            Request::Unsubscribe { id, topic, spelling } => {
                self.answers.push_back(std::future::ready(Answer::Unsubscribe { id, topic, spelling }).boxed());
            }
            Request::Subscribe { id, topic, spelling, after } => {
                let opening = Opening { id, topic, spelling, after, round: self.round };
                self.answers.push_back(self.open(opening));
            }
        }
        Ok(())
    }

    fn open(&self, opening: Opening) -> BoxFuture<'static, Answer> {
        let refuse = |opening, problem| std::future::ready(Answer::Opened(opening, Err(problem))).boxed();
        let Some(request) = opening.topic.open() else {
            let problem = Problem::new(Code::NotFound, "Notifications are not served yet.");
            return refuse(opening, problem);
        };
        if self.is_full() && !self.subscriptions.has(&opening.topic) {
            return refuse(opening, too_many());
        }
        let (hub, user) = (self.hub.clone(), self.user.clone());
        async move {
            let opened = hub.log.open(&user, &request).await;
            Answer::Opened(opening, opened)
        }
        .boxed()
    }

    fn is_full(&self) -> bool {
        self.subscriptions.len() >= self.hub.limits.subscriptions_per_socket
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Unsubscribe { id, topic, spelling } => {
                self.subscriptions.remove_topic(&topic);
                self.say(frames::unsubscribed(id.as_deref(), &spelling));
            }
            Answer::Opened(opening, Ok(opened)) => self.subscribe(opening, opened),
            Answer::Opened(opening, Err(problem)) => self.say(frames::problem(opening.id.as_deref(), &problem)),
        }
    }

    fn subscribe(&mut self, opening: Opening, opened: Opened) {
        let Opening { id, topic, spelling, after, round } = opening;
        // The membership ended while the project service said yes.
        if self.hub.memberships.overtaken(opened.org_id, self.user.id, opened.access_seq) {
            return self.say(frames::problem(id.as_deref(), &Problem::not_found("organization")));
        }
        if self.is_full() && !self.subscriptions.has(&topic) {
            return self.say(frames::problem(id.as_deref(), &too_many()));
        }
        let (at, recovered) = begin(after, opened.head, opened.oldest);
        self.say(frames::subscribed(id.as_deref(), &spelling, at, recovered));
        let slot = self.subscriptions.next_slot();
        let attachment = self.hub.attach(opened.head, slot, Arc::clone(self.subscriptions.mailbox()));
        let subscription = Subscription {
            topic,
            spelling: spelling.into(),
            org_id: opened.org_id,
            place: Place { at, filter: opened.subject },
            attachment,
            live_from: opened.head.seq,
            told_at: Instant::now(),
            replaying: false,
            paused: false,
        };
        self.subscriptions.insert(slot, subscription);
        if round != self.round {
            self.check(|known| known == slot);
        }
    }

    fn control(&mut self, control: Control) -> Result<(), Ending> {
        match control {
            Control::SessionEnded => self.still_signed_in()?,
            Control::Lost { org_id } => self.revoke(|known| known.org_id == org_id),
            Control::CheckAll => {
                self.round += 1;
                self.check(|_| true);
            }
        }
        Ok(())
    }

    fn revoke(&mut self, matches: impl Fn(&Subscription) -> bool) {
        for (slot, spelling) in self.subscriptions.remove_where(matches) {
            self.out.retain(|outgoing| outgoing.slot != Some(slot));
            self.say(frames::revoked(&spelling));
        }
    }

    /// Asks again whether the user may listen; until that is known nothing is delivered.
    fn check(&mut self, matches: impl Fn(Slot) -> bool) {
        for org in self.subscriptions.pause(matches) {
            let (hub, user, round) = (self.hub.clone(), self.user.clone(), self.round);
            let check = async move {
                let org_id = hub.membership(&user, &org).await;
                Checked { round, org, org_id }
            };
            self.checks.push(check.boxed());
        }
    }

    fn checked(&mut self, checked: Checked) {
        let Checked { round, org, org_id } = checked;
        if round == self.round {
            self.revoke(|known| known.topic.org() == Some(&org) && Some(known.org_id) != org_id);
            self.subscriptions.resume(&org);
        }
    }

    fn renew(&mut self, token: &str) -> Result<(), Ending> {
        let user = self.hub.sessions.verify(token).map_err(bad_token)?;
        if user.id != self.user.id {
            return Err(Ending::Token("the token is of another user"));
        }
        self.registration.session_is(user.session);
        self.clock.expires = expiry(&user);
        self.user = user;
        // It may have ended before the registry knew of it.
        self.still_signed_in()
    }

    pub fn still_signed_in(&self) -> Result<(), Ending> {
        if self.hub.sessions.is_revoked(self.user.session) {
            return Err(bad_token(TokenError::Revoked));
        }
        Ok(())
    }

    fn alarm(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if now >= self.clock.expires {
            return Err(bad_token(TokenError::Expired));
        }
        if self.clock.restart.is_some_and(|at| now >= at) {
            return Err(Ending::Restart);
        }
        if now >= self.clock.tick {
            let limits = self.hub.limits;
            self.clock.tick = now + limits.tick;
            self.clock.ticks += 1;
            if now.duration_since(self.clock.heard) >= limits.tick * GONE_AFTER {
                return Err(Ending::Gone);
            }
            self.subscriptions.positions(now, limits.quiet, &mut self.out);
            if self.clock.ticks.is_multiple_of(PING_EVERY) {
                // Written with whatever is next; where the line is stuck, the next write says so.
                self.wire.ping();
            }
        }
        Ok(())
    }
}

impl Clock {
    /// Sets the timer to what comes first.
    fn set(&mut self) {
        let first = self.restart.map_or(self.expires, |restart| restart.min(self.expires)).min(self.tick);
        if self.alarm.deadline() != first {
            self.alarm.as_mut().reset(first);
        }
    }
}

/// Why a token ends a socket.
pub fn bad_token(error: TokenError) -> Ending {
    match error {
        TokenError::Invalid => Ending::Token("the token is not valid"),
        TokenError::Expired => Ending::Token("the token has expired"),
        TokenError::Revoked => Ending::Token("the session has ended"),
        // Not the client's fault; another gateway may know more.
        TokenError::Unknown => Ending::Restart,
    }
}

fn too_many() -> Problem {
    Problem::new(Code::RateLimited, "This socket has too many subscriptions; use another one.")
}

/// When a user's token is no longer good.
fn expiry(user: &User) -> Instant {
    let left = user.expires_at + LEEWAY - chrono::Utc::now().timestamp();
    // A day is far enough; whatever is longer is looked at again by the alarm.
    Instant::now() + Duration::from_secs(u64::try_from(left).unwrap_or(0))
}

fn jitter(spread: Duration) -> Duration {
    spread.mul_f64(rand::rng().random_range(0.0..1.0))
}

/// What the future gives, once; for ever pending where there is none.
async fn or_never<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(running) => {
            let value = running.await;
            *future = None;
            value
        }
        None => pending().await,
    }
}

fn measure(delivered: &[Arc<Entry>]) {
    if delivered.is_empty() {
        return;
    }
    let now = chrono::Utc::now().timestamp_micros();
    metrics::counter!("live_deliveries_total").increment(delivered.len() as u64);
    let delay = metrics::histogram!("live_delivery_seconds");
    for entry in delivered {
        let micros = u64::try_from(now - entry.occurred_at).unwrap_or(0);
        delay.record(Duration::from_micros(micros).as_secs_f64());
        drop(entry.take_delivery());
    }
}
