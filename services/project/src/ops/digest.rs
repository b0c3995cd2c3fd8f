//! The worker that makes notifications from events, never in the transaction that caused them.
//!
//! Each replica has one, and all work at once: a batch of the queue is claimed by the locks of a transaction on a
//! connection of the worker's own. A worker that dies gives its claim back with its connection; one that is stopped is
//! thrown out by the server when it has been silent for some seconds. What both had done is found done by the next one.
//! Events of one project are told in their order, those of several at the same time.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use trellis_eventlog::Log;
use uuid::Uuid;

use super::{OrgNews, derive::Deriver, ground::Grounds, happened::Happened, tell::Teller};
use crate::{
    error::Error,
    people::People,
    store::undigested::{self, Undigested},
};

/// Between looks at an empty queue.
const POLL: Duration = Duration::from_millis(150);
/// Events of one claim.
const BATCH: i64 = 64;
/// Projects whose events are told at the same time.
const AT_ONCE: usize = 4;
/// Before an event that could not be told is tried again.
const PUT_OFF: Duration = Duration::from_secs(1);
/// How long the database may take over a claim.
const ANSWER: Duration = Duration::from_secs(3);
/// How long a claim may be silent, and how often it says something.
const SILENCE: &str = "4s";
const BEAT: Duration = Duration::from_secs(1);
/// Before another connection is tried, and how often the log says why.
const RETRY: Duration = Duration::from_millis(500);
const SAY: Duration = Duration::from_secs(5);

/// Makes notifications.
pub struct Digest {
    log: Log,
    people: People,
    news: Arc<OrgNews>,
    deriver: Deriver,
}

/// What became of a claimed batch; what is in neither was not looked at.
#[derive(Default)]
struct Digested {
    done: Vec<i64>,
    failed: Vec<i64>,
}

impl Digest {
    pub fn new(log: Log, people: People, teller: Teller, news: Arc<OrgNews>) -> Self {
        metrics::describe_gauge!(
            "trellis_undigested_lag_seconds",
            "Age of the oldest event that notifications are yet to be made from."
        );
        let deriver = Deriver::new(log.clone(), people.clone(), teller);
        Self { log, people, news, deriver }
    }

    /// Runs until `shutdown`, when it finishes what it is about. Never fails: it waits and tries again.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut said: Option<Instant> = None;
        while !shutdown.is_cancelled() {
            if let Err(error) = self.work(&shutdown).await {
                if said.is_none_or(|said| said.elapsed() > SAY) {
                    tracing::warn!(%error, "notifications wait for the database");
                    said = Some(Instant::now());
                }
                shutdown.run_until_cancelled(sleep(RETRY)).await;
            }
        }
    }

    async fn work(&self, shutdown: &CancellationToken) -> Result<(), sqlx::Error> {
        // The same as those of the pool; a claim waits for others while it holds its transaction open.
        let options = self.log.pool().connect_options();
        let options = options.as_ref().clone().options([("idle_in_transaction_session_timeout", SILENCE)]);
        let mut connection = answered(PgConnection::connect_with(&options)).await?;
        while !shutdown.is_cancelled() {
            if !self.round(&mut connection, shutdown).await? {
                shutdown.run_until_cancelled(sleep(POLL)).await;
            }
        }
        answered(connection.close()).await
    }

    /// Claims a batch and tells of it. False: nothing more to do at the moment.
    async fn round(&self, connection: &mut PgConnection, shutdown: &CancellationToken) -> Result<bool, sqlx::Error> {
        let lag = answered(undigested::oldest(connection)).await?;
        metrics::gauge!("trellis_undigested_lag_seconds").set(lag.unwrap_or_default());
        if lag.is_none() {
            return Ok(false);
        }
        let mut claim = answered(connection.begin()).await?;
        let batch = answered(undigested::claim(&mut claim, BATCH)).await?;
        let claimed = batch.len();
        let digested = beating(&mut claim, self.digest(batch, shutdown)).await?;
        answered(undigested::settle(&mut claim, &digested.done, &digested.failed, PUT_OFF)).await?;
        answered(claim.commit()).await?;
        Ok(claimed > 0 && digested.done.len() == claimed)
    }

    async fn digest(&self, batch: Vec<Undigested>, shutdown: &CancellationToken) -> Digested {
        let mut projects: BTreeMap<Uuid, Vec<Undigested>> = BTreeMap::new();
        for event in batch {
            projects.entry(event.scope).or_default().push(event);
        }
        let grounds = Grounds::new(&self.log, &self.people, &self.news);
        let grounds = &grounds;
        let tellings = stream::iter(projects.into_values()).map(|events| async move {
            let mut digested = Digested::default();
            for event in events {
                if shutdown.is_cancelled() || grounds.are_away() {
                    break;
                }
                match self.tell(grounds, &event).await {
                    Ok(true) => digested.done.push(event.id),
                    Ok(false) => digested.failed.push(event.id),
                    Err(error) => {
                        grounds.note(&error);
                        tracing::warn!(%error, "could not tell of an event, trying again");
                        digested.failed.push(event.id);
                    }
                }
            }
            digested
        });
        let join = |mut all: Digested, one: Digested| async move {
            all.done.extend(one.done);
            all.failed.extend(one.failed);
            all
        };
        tellings.buffer_unordered(AT_ONCE).fold(Digested::default(), join).await
    }

    async fn tell(&self, grounds: &Grounds<'_>, queued: &Undigested) -> Result<bool, Error> {
        // Without: it waited for longer than events are kept.
        let Some(logged) = &queued.event else {
            return Ok(true);
        };
        let Some(happened) = Happened::read(logged) else {
            tracing::error!(kind = logged.kind, event = %logged.id, "an event cannot be read");
            return Ok(true);
        };
        self.deriver.tell(grounds, queued.organization, &happened).await
    }
}

/// Does the work to its end, and says now and then that the claim is still wanted.
async fn beating<T>(claim: &mut PgConnection, work: impl Future<Output = T>) -> Result<T, sqlx::Error> {
    let mut work = pin!(work);
    let mut lost = None;
    loop {
        tokio::select! {
            done = &mut work => return lost.map_or(Ok(done), Err),
            () = sleep(BEAT), if lost.is_none() => {
                // Lost, others have the claim now; what is under way comes to its end all the same.
                lost = answered(sqlx::query("SELECT").execute(&mut *claim)).await.err();
            }
        }
    }
}

async fn answered<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWER, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
