//! Work that is done once per idempotency key: the first answer is kept in the transaction of its effect, and given
//! again to whoever asks the same again.

use prost::Message;
use sqlx::PgConnection;
use tonic::Response;
use trellis_eventlog::{IdempotentRequest, Kept, Log, LogError};
use trellis_rpc::{Code, IdempotencyKey, Problem, mark_replayed};
use uuid::Uuid;

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

    pub fn into_response(self) -> Response<M> {
        let mut response = Response::new(self.message);
        if self.replayed {
            mark_replayed(&mut response);
        }
        response
    }
}

/// A request's key, where it has one; without, nothing is looked up or kept.
pub struct Once(Option<IdempotentRequest>);

/// Why the work must not be done under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the idempotency key was used for another request")]
    Reused,
    #[error("a request with the same idempotency key is under way")]
    InFlight,
}

/// Why there is neither an answer nor leave to do the work.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("a kept answer cannot be read: {0}")]
    Unreadable(#[from] prost::DecodeError),
}

impl Once {
    /// Keys are a user's: two users may have the same.
    pub fn new(user: Uuid, key: Option<IdempotencyKey>) -> Self {
        Self(key.map(|IdempotencyKey { key, operation, fingerprint }| IdempotentRequest {
            user,
            operation,
            key,
            fingerprint,
        }))
    }

    /// No key.
    pub fn without() -> Self {
        Self(None)
    }

    pub fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// Looks for the kept answer before anything is judged: what the first request was about may be gone by now, and
    /// still the answer is the same; and another request under its key is told so, whatever else is wrong with it.
    pub async fn look<M: Message + Default>(&self, log: &Log) -> Result<Option<M>, OnceError> {
        let Some(request) = &self.0 else {
            return Ok(None);
        };
        let mut conn = log.connection().await.map_err(LogError::from)?;
        answer(request.look(&mut conn).await?)
    }

    /// The kept answer. `None`: there is none, and the key is held until the transaction ends.
    pub async fn find<M: Message + Default>(&self, conn: &mut PgConnection) -> Result<Option<M>, OnceError> {
        match &self.0 {
            Some(request) => answer(request.find(conn).await?),
            None => Ok(None),
        }
    }

    /// Keeps the answer, in the write that has the key.
    pub async fn keep<M: Message>(&self, conn: &mut PgConnection, message: &M) -> Result<(), LogError> {
        match &self.0 {
            Some(request) => request.keep(conn, &message.encode_to_vec()).await,
            None => Ok(()),
        }
    }
}

fn answer<M: Message + Default>(kept: Kept) -> Result<Option<M>, OnceError> {
    match kept {
        Kept::New => Ok(None),
        Kept::Answer(bytes) => Ok(Some(M::decode(bytes.as_slice())?)),
        Kept::Reused => Err(KeyError::Reused.into()),
        Kept::InFlight => Err(KeyError::InFlight.into()),
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Reused => {
                Self::new(Code::IdempotencyKeyReused, "This idempotency key was already used for another request.")
            }
            KeyError::InFlight => {
                Self::new(Code::IdempotencyInFlight, "The first request with this idempotency key is still running.")
            }
        }
    }
}
