//! On what ground somebody is told: who the members of an organization are, and the place in org's feed at which that was
//! so. Asked anew for each batch of events, and whenever memberships have changed since.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Mutex, OnceCell};
use tonic::Status;
use trellis_eventlog::Log;
use uuid::Uuid;

use super::OrgNews;
use crate::{
    domain::Known,
    error::Error,
    people::{People, Roster},
    store::org_feed::{self, Fence},
};

/// How often memberships may change between the question and the place.
const TRIES: usize = 5;

/// What is known of one organization.
pub struct Ground {
    pub roster: Roster,
    pub fence: Fence,
    known: OnceCell<Known>,
}

impl Ground {
    /// The names and addresses of its members; only where a text may mention somebody.
    pub async fn known(&self, people: &People) -> Result<&Known, Error> {
        let load = async || {
            let mut known = Known::default();
            for (id, user) in people.users(self.roster.members.iter().copied()).await? {
                known.add(id, &user.email, &user.name);
            }
            Ok(known)
        };
        self.known.get_or_try_init(load).await
    }
}

/// Those of one batch.
pub struct Grounds<'a> {
    log: &'a Log,
    people: &'a People,
    news: &'a OrgNews,
    kept: Mutex<HashMap<Uuid, Option<Arc<Ground>>>>,
    /// Org or identity did not answer.
    away: AtomicBool,
}

impl<'a> Grounds<'a> {
    pub fn new(log: &'a Log, people: &'a People, news: &'a OrgNews) -> Self {
        Self { log, people, news, kept: Mutex::default(), away: AtomicBool::new(false) }
    }

    /// `None`: there is no such organization any more.
    pub async fn of(&self, org_id: Uuid) -> Result<Option<Arc<Ground>>, Error> {
        let mut kept = self.kept.lock().await;
        if let Some(ground) = kept.get(&org_id) {
            return Ok(ground.clone());
        }
        if self.are_away() {
            return Err(Error::Peer(Status::unavailable("it was asked just now")));
        }
        let ground = self.survey(org_id).await.inspect_err(|error| self.note(error))?.map(Arc::new);
        kept.insert(org_id, ground.clone());
        Ok(ground)
    }

    /// The roster is of the place where nobody was removed around it. Every removal that it reflects was acted upon
    /// by then, so that none of those takes back what is told on this ground; a later one moves the place, or comes after
    /// it and takes it back.
    async fn survey(&self, org_id: Uuid) -> Result<Option<Ground>, Error> {
        let mut before = org_feed::place(&mut *self.log.pool().acquire().await?).await?;
        let mut tries = 0;
        loop {
            let roster = self.people.roster(org_id).await?;
            let place = self.news.catch_up().await?;
            tries += 1;
            // With people leaving all the time an older one will do: who was told is asked for again after it.
            if (&place.epoch, place.removed) == (&before.epoch, before.removed) || tries == TRIES {
                let fence = Fence::members(&place);
                return Ok(roster.map(|roster| Ground { roster, fence, known: OnceCell::new() }));
            }
            before = place;
        }
    }

    /// Where org or identity does not answer, all events of the batch wait for the same: to have asked once is enough.
    pub fn are_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Why an event could not be told.
    pub fn note(&self, error: &Error) {
        self.away.fetch_or(matches!(error, Error::Peer(_)), Ordering::Relaxed);
    }

    /// Memberships have changed: what was known is asked for again.
    pub async fn give_up(&self, org_id: Uuid) {
        self.kept.lock().await.remove(&org_id);
    }
}
