//! Work that is done once per idempotency key: the first answer is kept in the transaction of its effect, and given
//! again to whoever asks the same again.

use prost::Message;
use sqlx::PgConnection;
use trellis_eventlog::{IdempotentRequest, Kept};
use trellis_rpc::IdempotencyKey;
use uuid::Uuid;

use super::Ops;
use crate::error::Error;

/// An answer, and whether it was kept from an earlier call.
#[derive(Debug)]
pub struct Answer<M> {
    pub message: M,
    pub replayed: bool,
}

impl<M> Answer<M> {
    pub fn first(message: M) -> Self {
        Self { message, replayed: false }
    }

    pub fn again(message: M) -> Self {
        Self { message, replayed: true }
    }
}

/// A request's key, where it has one; without, nothing is looked up or kept.
pub struct Once(Option<IdempotentRequest>);

impl Once {
    pub fn new(user: Uuid, key: Option<IdempotencyKey>) -> Self {
        Self(key.map(|key| IdempotentRequest {
            user,
            operation: key.operation,
            key: key.key,
            fingerprint: key.fingerprint,
        }))
    }

    /// The kept answer. `None`: there is none, and the key is held until the transaction ends.
    pub async fn answer<M: Message + Default>(&self, conn: &mut PgConnection) -> Result<Option<M>, Error> {
        match &self.0 {
            Some(request) => answer(request.find(conn).await?),
            None => Ok(None),
        }
    }

    /// Keeps the answer, in the write that has the key.
    pub async fn keep<M: Message>(&self, conn: &mut PgConnection, message: &M) -> Result<(), Error> {
        if let Some(request) = &self.0 {
            request.keep(conn, &message.encode_to_vec()).await?;
        }
        Ok(())
    }
}

impl Ops {
    /// Looks for the kept answer before anything is judged: what the first request was about may be gone by now, and
    /// still the answer is the same.
    pub(super) async fn kept<M: Message + Default>(&self, once: &Once) -> Result<Option<Answer<M>>, Error> {
        let Some(request) = &once.0 else {
            return Ok(None);
        };
        let mut conn = self.connection().await?;
        Ok(answer(request.look(&mut conn).await?)?.map(Answer::again))
    }

    /// Keeps the answer of what changed nothing: it is no event, and still the answer to the key.
    pub(super) async fn keep_unchanged<M>(&self, once: &Once, message: M) -> Result<Answer<M>, Error>
    where
        M: Message + Default,
    {
        if once.0.is_none() {
            return Ok(Answer::first(message));
        }
        let mut write = self.log.begin_unlogged().await?;
        if let Some(message) = once.answer(write.conn()).await? {
            return Ok(Answer::again(message));
        }
        once.keep(write.conn(), &message).await?;
        write.commit().await?;
        Ok(Answer::first(message))
    }
}

fn answer<M: Message + Default>(kept: Kept) -> Result<Option<M>, Error> {
    match kept {
        Kept::New => Ok(None),
        Kept::Answer(bytes) => Ok(Some(M::decode(bytes.as_slice())?)),
        Kept::Reused => Err(Error::KeyReused),
        Kept::InFlight => Err(Error::KeyInFlight),
    }
}
