//! Where questions about memberships are asked: one call to org for all who ask the same at the same time, and what it
//! answers goes through the ledger before anyone gets it.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tonic::{Request, Status};
use tracing::Instrument as _;
use trellis_proto::org::v1::{CheckAccessRequest, CheckAccessResponse, Role};
use trellis_rpc::{Code, Problem, with_deadline};
use uuid::Uuid;

use crate::{
    User,
    feed::Feed,
    ledger::{Ledger, Question},
    memberships::{Access, AccessError},
};

/// How often org is asked again where its answer was already out of date.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; four times as long before each other. Together longer than the feed's interval, for an
/// epoch that the feed has yet to hear of.
const PAUSE: Duration = Duration::from_millis(25);

/// A call that takes longer is given up; the task that makes it has no deadline of its own.
const PATIENCE: Duration = Duration::from_secs(3);

/// `CheckAccess`; a closure so that tests can stand in for org.
pub(crate) type Ask =
    Box<dyn Fn(Request<CheckAccessRequest>) -> BoxFuture<'static, Result<CheckAccessResponse, Status>> + Send + Sync>;

pub(crate) struct Desk {
    feed: Arc<Feed>,
    ask: Ask,
    state: Mutex<State>,
}

struct State {
    ledger: Ledger,
    /// By question and session: whose token carries the question must not decide for another's.
    flights: HashMap<(Question, Uuid), Flight>,
    /// Counts flights, so that a check knows those that began before it.
    departures: u64,
}

/// A question under way; who has the same one waits for its answer.
#[derive(Clone)]
struct Flight {
    number: u64,
    landed: watch::Receiver<Option<Result<Access, AccessError>>>,
}

impl Desk {
    pub(crate) fn new(feed: Arc<Feed>, ask: Ask) -> Arc<Self> {
        let state = State { ledger: Ledger::new(), flights: HashMap::new(), departures: 0 };
        Arc::new(Self { feed, ask, state: Mutex::new(state) })
    }

    /// The ledger, for what the feed brings.
    pub(crate) fn with_ledger<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> T {
        f(&mut self.state().ledger)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn check(self: &Arc<Self>, user: &User, org: &str) -> Result<Access, AccessError> {
        let question = Question { org: org.to_owned(), user: user.id };
        let mut earliest = None;
        for _ in 0..ATTEMPTS {
            if !self.feed.fresh() {
                return Err(AccessError::Unavailable);
            }
            if !is_slug(org) {
                return Err(AccessError::NotFound);
            }
            let (departures, mut flight) = {
                let mut state = self.state();
                if let Some(access) = state.ledger.find(&question, Instant::now()) {
                    return Ok(access);
                }
                (state.departures, self.board(&mut state, user, &question))
            };
            let earliest = *earliest.get_or_insert(departures);
            // An error says that the flight's task is no more.
            let landed = flight.landed.wait_for(Option::is_some).await.map_or(None, |result| *result);
            match landed {
                Some(Ok(access)) if self.state().ledger.current(user.id, &access) => {
                    return Ok(access);
                }
                // Overtaken while it was handed over.
                Some(Ok(_)) => {}
                // A no that was asked for before this check began may be older than what its caller has just done
                // (joined, created): ask anew.
                Some(Err(AccessError::NotFound)) if flight.number <= earliest => {}
                Some(Err(error)) => return Err(error),
                None => return Err(AccessError::Unavailable),
            }
        }
        Err(AccessError::Unavailable)
    }

    /// The flight with this question, or a new one. The work is in a task of its own: a caller that goes away leaves
    /// the others their answer.
    fn board(self: &Arc<Self>, state: &mut State, user: &User, question: &Question) -> Flight {
        match state.flights.entry((question.clone(), user.session)) {
            Entry::Occupied(flight) => flight.get().clone(),
            Entry::Vacant(place) => {
                state.departures += 1;
                let (land, landed) = watch::channel(None);
                let flight = place.insert(Flight { number: state.departures, landed }).clone();
                let (desk, user, question) = (Arc::clone(self), user.clone(), question.clone());
                tokio::spawn(
                    async move {
                        let arrival = Arrival { desk: &desk, flight: (question.clone(), user.session) };
                        let result = desk.ask(&user, &question).await;
                        // Off the board first: who comes after the answer asks anew.
                        drop(arrival);
                        land.send_replace(Some(result));
                    }
                    .in_current_span(),
                );
                flight
            }
        }
    }

    async fn ask(&self, user: &User, question: &Question) -> Result<Access, AccessError> {
        let mut pause = PAUSE;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                // The feed knows more than this answer, or the answer more than the feed.
                self.feed.ring();
                sleep(pause).await;
                pause *= 4;
            }
            let asked_at = Instant::now();
            let request = user.request(CheckAccessRequest { org: question.org.clone() });
            let answer = with_deadline(PATIENCE, (self.ask)(request)).await;
            let access = match answer {
                Ok(answer) => read(&answer).ok_or(AccessError::Unavailable)?,
                Err(status) => return Err(refusal(&status)),
            };
            if let Some(access) = self.state().ledger.admit(question, access, asked_at, Instant::now()) {
                return Ok(access);
            }
        }
        tracing::warn!("org's answers about a membership stay behind its own feed");
        Err(AccessError::Unavailable)
    }
}

/// Takes a flight off the board, even when its task panics.
struct Arrival<'a> {
    desk: &'a Desk,
    flight: (Question, Uuid),
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.desk.state().flights.remove(&self.flight);
    }
}

/// The contract's slug. What is none cannot be an organization, and is not asked for.
fn is_slug(text: &str) -> bool {
    text.len() <= 50
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn read(answer: &CheckAccessResponse) -> Option<Access> {
    let role = answer.role();
    let known = role != Role::Unspecified;
    let (org_id, epoch) = (answer.org_id.parse().ok()?, answer.epoch.parse().ok()?);
    known.then_some(Access { org_id, role, seq: answer.seq, epoch })
}

/// Only org's own "not found" is a no; whatever else went wrong says nothing of the membership.
fn refusal(status: &Status) -> AccessError {
    if Problem::from(status).code == Code::NotFound { AccessError::NotFound } else { AccessError::Unavailable }
}
