//! A fresh access token of the same kind for the one that is shown, for clients that have no refresh token; and what
//! that token's session is.

use trellis_authn::Caller;

use super::{Ops, Tokens, now};
use crate::{domain::Session, error::Error, store::sessions};

impl Ops {
    /// Decided under the lock of the session's row: what ends the session at the same moment either comes first, and
    /// nothing is given, or remembers it until the token that was given has expired.
    #[tracing::instrument(skip_all)]
    pub async fn renew_token(&self, caller: &Caller) -> Result<Tokens, Error> {
        let (caller, now) = (caller.user()?, now());
        let mut tx = self.log.begin_unlogged().await?;
        let session = sessions::lock(tx.conn(), caller.session, caller.id).await?;
        let session = session.filter(|session| session.lives(now)).ok_or(Error::Unauthenticated)?;
        let access = self.access_token(&session, session.long_lived, now)?;
        sessions::touch(tx.conn(), session.id, None, now, access.expires_at).await?;
        tx.commit().await?;
        Ok(Tokens::new(session, access, None))
    }

    #[tracing::instrument(skip_all)]
    pub async fn session(&self, caller: &Caller) -> Result<Session, Error> {
        let caller = caller.user()?;
        let session = sessions::find(&mut *self.log.connection().await?, caller.session, caller.id).await?;
        session.filter(|session| session.lives(now())).ok_or(Error::Unauthenticated)
    }
}
