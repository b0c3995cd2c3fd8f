//! Which keys verify and which sessions were ended: what every gateway and service follows, this one too.

use trellis_authn::{Caller, ServiceName};
use trellis_eventlog::Log;
use trellis_proto::subject::SESSIONS;
use uuid::Uuid;

use super::{Ops, now, tokens::FORGET_AFTER};
use crate::{
    domain::{PublicKey, Revocation},
    error::Error,
    store::{sessions, signing_keys},
};

/// An answer to a follower.
pub struct Feed {
    pub epoch: Uuid,
    pub head: u64,
    /// Everything that still matters is in it, not only what is new.
    pub full: bool,
    pub revoked: Vec<Revocation>,
    pub keys: Vec<PublicKey>,
}

/// Where the answers come from. Cheap to clone.
#[derive(Clone)]
pub struct SessionFeed {
    log: Log,
}

impl Ops {
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn follow_sessions(&self, caller: &Caller, epoch: &str, after: u64) -> Result<Feed, Error> {
        caller.service(&[ServiceName::Gateway, ServiceName::Org, ServiceName::Project])?;
        SessionFeed::new(self.log.clone()).read(epoch, after).await
    }
}

impl SessionFeed {
    pub fn new(log: Log) -> Self {
        Self { log }
    }

    /// Increments are read from the sessions themselves, which carry the number of their end and are kept for as
    /// long as it matters: nobody can be too far behind for them.
    pub(crate) async fn read(&self, epoch: &str, after: u64) -> Result<Feed, Error> {
        let now = now();
        // The head first: what ends meanwhile is told twice, never missed.
        let heads = self.log.heads(&[SESSIONS]).await?;
        let head = heads.first().map_or(0, |(_, head)| *head);
        let full = after == 0 || after > head || epoch.parse() != Ok(self.log.epoch());
        let after = if full { 0 } else { after };
        let mut db = self.log.connection().await?;
        let revoked = sessions::revoked_after(&mut *db, after, now - FORGET_AFTER).await?;
        let keys = signing_keys::published(&mut *db, now).await?;
        Ok(Feed { epoch: self.log.epoch(), head, full, revoked, keys })
    }
}
