//! Answers that are given once per key. They are kept in the transaction of their effect, as encoded messages.

use prost::Message;
use sqlx::PgConnection;
use trellis_eventlog::{IdempotentRequest, Kept};
use trellis_rpc::IdempotencyKey;
use uuid::Uuid;

use super::Ops;
use crate::error::Error;

/// An answer, and whether it had been given before.
#[derive(Debug)]
pub struct Answer<M> {
    pub message: M,
    pub replayed: bool,
}

impl<M> Answer<M> {
    pub(super) fn new(message: M) -> Self {
        Self { message, replayed: false }
    }

    pub(super) fn again(message: M) -> Self {
        Self { message, replayed: true }
    }
}

/// The key of a request, if it has one.
pub(super) struct Once(Option<IdempotentRequest>);

impl Once {
    /// Whose key it is, and the key.
    pub(super) fn new(key: Option<(Uuid, IdempotencyKey)>) -> Self {
        Self(key.map(|(user, IdempotencyKey { key, operation, fingerprint })| IdempotentRequest {
            user,
            operation,
            key,
            fingerprint,
        }))
    }

    /// The answer that was given to this very request. `None`: there is none, do the work, with the key held.
    pub(super) async fn find<M: Message + Default>(&self, db: &mut PgConnection) -> Result<Option<M>, Error> {
        match &self.0 {
            Some(request) => answer(request.find(db).await?),
            None => Ok(None),
        }
    }

    pub(super) async fn keep(&self, db: &mut PgConnection, message: &impl Message) -> Result<(), Error> {
        if let Some(request) = &self.0 {
            request.keep(db, &message.encode_to_vec()).await?;
        }
        Ok(())
    }
}

impl Ops {
    /// Looks for the answer before anything is judged: what the first request was about may be gone by now, and another
    /// one under its key is told so, whatever else is wrong with it.
    pub(super) async fn kept<M: Message + Default>(&self, once: &Once) -> Result<Option<M>, Error> {
        let Some(request) = &once.0 else {
            return Ok(None);
        };
        let mut db = self.log.connection().await?;
        answer(request.look(&mut db).await?)
    }
}

fn answer<M: Message + Default>(kept: Kept) -> Result<Option<M>, Error> {
    match kept {
        Kept::New => Ok(None),
        Kept::Answer(bytes) => match M::decode(&*bytes) {
            Ok(message) => Ok(Some(message)),
            Err(_) => Err(Error::Unexpected("a kept answer cannot be decoded")),
        },
        Kept::Reused => Err(Error::KeyReused),
        Kept::InFlight => Err(Error::KeyInFlight),
    }
}
