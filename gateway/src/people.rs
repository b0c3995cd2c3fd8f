//! Turns the user ids that services store into people with a name and an e-mail address.
//!
//! One call for all ids of an answer, kept for 30 s. A name that cannot be asked for never fails an answer: the last
//! one known stands in, or an empty one.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use moka::sync::Cache;
use trellis_authn::ServiceKey;
use trellis_proto::identity::v1::{BatchGetUsersRequest, User};

use crate::{clients::Clients, json::Person};

const FRESH: Duration = Duration::from_secs(30);
/// How long a name is kept for the time when identity does not answer.
const KEPT: Duration = Duration::from_hours(1);
const CAPACITY: u64 = 100_000;
/// What one `BatchGetUsers` takes.
const BATCH: usize = 500;

#[derive(Clone)]
struct Known {
    person: Person,
    at: Instant,
}

/// The resolver, shared by all handlers and the live hub.
#[derive(Clone)]
pub struct People {
    clients: Clients,
    key: ServiceKey,
    known: Cache<String, Known>,
}

/// The people of one answer. Whoever was not found is given with the id and an empty name.
#[derive(Debug, Default, Clone)]
pub struct Found(HashMap<String, Person>);

impl Found {
    pub fn person(&self, id: &str) -> Person {
        self.0.get(id).cloned().unwrap_or_else(|| Person::unknown(id))
    }

    pub fn insert(&mut self, person: Person) {
        self.0.insert(person.id.clone(), person);
    }
}

impl People {
    pub fn new(clients: Clients, key: ServiceKey) -> Self {
        let known = Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build();
        Self { clients, key, known }
    }

    /// Looks up all ids at once; empty ids and duplicates are no matter.
    pub async fn find<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Found {
        let mut found = Found::default();
        let mut missing = HashSet::new();
        for id in ids {
            if id.is_empty() || found.0.contains_key(id) {
                continue;
            }
            match self.known.get(id) {
                Some(known) => {
                    if known.at.elapsed() > FRESH {
                        missing.insert(id.to_owned());
                    }
                    found.insert(known.person);
                }
                None => {
                    missing.insert(id.to_owned());
                }
            }
        }
        let missing: Vec<String> = missing.into_iter().collect();
        for batch in missing.chunks(BATCH) {
            // Seldom, and then a call: on the heap, so that whoever waits for names stays small.
            for user in Box::pin(self.ask(batch)).await {
                let person = Person::from(user);
                self.remember(person.clone());
                found.insert(person);
            }
        }
        found
    }

    /// Takes note of what another answer told: a user who renames himself sees it at once.
    pub fn remember(&self, person: Person) {
        let at = Instant::now();
        self.known.insert(person.id.clone(), Known { person, at });
    }

    async fn ask(&self, ids: &[String]) -> Vec<User> {
        let message = BatchGetUsersRequest { ids: ids.to_vec(), emails: Vec::new() };
        let answer = self
            .clients
            .read(&self.clients.identity, &self.key, message, |mut identity, request| async move {
                identity.batch_get_users(request).await
            })
            .await;
        match answer {
            Ok(answer) => answer.into_inner().users,
            Err(status) => {
                tracing::warn!(code = ?status.code(), people = ids.len(), "names of people are not known at the moment");
                Vec::new()
            }
        }
    }
}
