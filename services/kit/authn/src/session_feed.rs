//! How identity's feed is asked and read: what an answer changes in the keys and ended sessions that `sessions` holds.

use std::{collections::HashMap, sync::Arc};

use tonic::Status;
use trellis_proto::identity::v1::{
    self as wire, FollowSessionsRequest, FollowSessionsResponse, identity_service_client::IdentityServiceClient,
};
use trellis_rpc::{Channel, convert};
use uuid::Uuid;

use crate::{
    ServiceKey, Sessions,
    feed::Pull,
    jwt::{self, PublicKey},
    token::Keys,
};

/// A whole list of ended sessions is some 60 bytes each.
const LONGEST_ANSWER: usize = 64 << 20;

/// Where ended sessions and keys are asked for: identity over gRPC, or identity's own store.
pub trait SessionSource: Send + Sync + 'static {
    fn follow(
        &self,
        request: FollowSessionsRequest,
    ) -> impl Future<Output = Result<FollowSessionsResponse, Status>> + Send;
}

/// Identity over gRPC.
pub struct IdentityFeed {
    client: IdentityServiceClient<Channel>,
    key: ServiceKey,
}

impl IdentityFeed {
    pub fn new(client: IdentityServiceClient<Channel>, key: ServiceKey) -> Self {
        Self { client: client.max_decoding_message_size(LONGEST_ANSWER), key }
    }
}

impl SessionSource for IdentityFeed {
    async fn follow(&self, request: FollowSessionsRequest) -> Result<FollowSessionsResponse, Status> {
        let answer = self.client.clone().follow_sessions(self.key.request(request)).await?;
        Ok(answer.into_inner())
    }
}

/// Up to where the feed was read.
#[derive(Default)]
struct Place {
    epoch: String,
    head: u64,
}

pub(crate) struct SessionPull<S> {
    source: S,
    sessions: Arc<Sessions>,
    place: Place,
    /// The keys as they came last, so that they are parsed once.
    keys: Vec<wire::PublicKey>,
}

impl<S: SessionSource> Pull for SessionPull<S> {
    async fn pull(&mut self) -> Result<(), Status> {
        let Place { epoch, head } = &self.place;
        let answer = self.source.follow(FollowSessionsRequest { epoch: epoch.clone(), after: *head }).await?;
        self.apply(answer)
    }
}

impl<S> SessionPull<S> {
    pub(crate) fn new(source: S, sessions: Arc<Sessions>) -> Self {
        Self { source, sessions, place: Place::default(), keys: Vec::new() }
    }

    fn apply(&mut self, answer: FollowSessionsResponse) -> Result<(), Status> {
        // An answer that does not continue ours: read everything at the next pull.
        if !answer.full && (answer.epoch != self.place.epoch || answer.head < self.place.head) {
            self.place = Place::default();
            return Err(Status::data_loss("the feed does not continue"));
        }
        if answer.keys.is_empty() {
            return Err(Status::unavailable("there are no keys yet"));
        }
        let now = jwt::now();
        let mut ended = HashMap::with_capacity(answer.revoked.len());
        for session in &answer.revoked {
            let id = session.session_id.parse().map_err(|_| Status::data_loss("a session's id is not an id"))?;
            let forget_at = convert::datetime(session.forget_at.as_ref()).map_or(i64::MAX, |time| time.timestamp());
            ended.insert(id, forget_at);
        }
        let keys = (answer.keys != self.keys).then(|| parse(&answer.keys, &self.sessions.known().keys));

        let mut known = self.sessions.known_mut();
        if let Some(keys) = keys {
            known.keys = keys;
            self.keys = answer.keys;
        }
        let news: Vec<Uuid> = ended.keys().filter(|id| !known.ended.contains_key(id)).copied().collect();
        if answer.full {
            known.ended = ended;
        } else {
            known.ended.extend(ended);
        }
        if answer.full || !news.is_empty() {
            known.ended.retain(|_, forget_at| jwt::alive(*forget_at, now));
        }
        drop(known);
        self.place = Place { epoch: answer.epoch, head: answer.head };
        self.sessions.announce(news);
        Ok(())
    }
}

/// Keys that stay are the same `Arc` as before, so that what they verified stays remembered.
fn parse(keys: &[wire::PublicKey], before: &Keys) -> Keys {
    let parsed = keys.iter().filter_map(|key| {
        let parsed = match before.get(&key.kid) {
            Some(same) if same.raw()[..] == key.key[..] => Arc::clone(same),
            _ => {
                let parsed = PublicKey::new(&key.key);
                if parsed.is_none() {
                    tracing::error!(kid = key.kid, "identity published what is no Ed25519 key");
                }
                Arc::new(parsed?)
            }
        };
        Some((key.kid.clone(), parsed))
    });
    parsed.collect()
}
