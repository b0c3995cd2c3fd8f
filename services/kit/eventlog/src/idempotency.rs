//! First answers of requests with an idempotency key, kept in the transaction of their effect.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{LogError, log::gave_up_waiting};

/// Who uses which key for what.
#[derive(Debug, Clone)]
pub struct Request {
    pub user: Uuid,
    pub operation: String,
    pub key: String,
    pub fingerprint: [u8; 32],
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The first time; after `find` the lock on the key is held until the transaction ends: do the work, then `keep`.
    New,
    /// The same request was answered with this (an encoded response message).
    Answer(Vec<u8>),
    /// The key was used for another body.
    Reused,
    /// The same key is being worked on, for long already. The transaction is of no more use.
    InFlight,
}

impl Request {
    /// Takes the key's lock and looks the key up. Waits for who has it (at most 5 s, `statement_timeout`): they answer soon, and
    /// who was refused gives it back only when their transaction is rolled back, which may be after their answer.
    pub async fn find(&self, conn: &mut PgConnection) -> Result<Kept, LogError> {
        // Two statements: the snapshot of the look-up must be younger than the lock, or an answer that was committed
        // in between would be missed.
        match sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(self.lock()).execute(&mut *conn).await {
            Ok(_) => self.look(conn).await,
            Err(error) if gave_up_waiting(&error) => Ok(Kept::InFlight),
            Err(error) => Err(error.into()),
        }
    }

    /// Only looks the key up: [`Kept::New`] may be in flight.
    pub async fn look(&self, conn: &mut PgConnection) -> Result<Kept, LogError> {
        let kept: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT fingerprint, response FROM idempotency_keys WHERE user_id = $1 AND operation = $2 AND key = $3",
        )
        .bind(self.user)
        .bind(&self.operation)
        .bind(&self.key)
        .fetch_optional(conn)
        .await?;
        Ok(match kept {
            None => Kept::New,
            Some((fingerprint, response)) if fingerprint == self.fingerprint => Kept::Answer(response),
            Some(_) => Kept::Reused,
        })
    }

    /// Keeps the answer, in the transaction that has the lock.
    pub async fn keep(&self, conn: &mut PgConnection, response: &[u8]) -> Result<(), LogError> {
        sqlx::query(
            "INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, response) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(self.user)
        .bind(&self.operation)
        .bind(&self.key)
        .bind(self.fingerprint.as_slice())
        .bind(response)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// 64 bits of a hash: of two keys that share them, one only waits for the other.
    fn lock(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.user.as_bytes());
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        hash.update(self.operation.len().to_be_bytes());
        hash.update(self.operation.as_bytes());
        hash.update(self.key.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first)
    }
}
