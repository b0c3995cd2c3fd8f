//! Where one is logged in, and ending that elsewhere.
//!
//! Whoever shows the token of a session that has ended is told nothing and ends nothing: the database is asked, which
//! knows it before the feed does.

use trellis_authn::Caller;
use trellis_proto::subject::SESSIONS;
use uuid::Uuid;

use super::{Ops, now, tokens::ended};
use crate::{domain::OpenSession, error::Error, store::sessions};

/// More are not shown; nobody reads so many, and all but one's own end together.
const MOST: i64 = 1000;

pub struct OpenSessions {
    pub sessions: Vec<OpenSession>,
    /// The one of the token that asks.
    pub current: Uuid,
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn open_sessions(&self, caller: &Caller) -> Result<OpenSessions, Error> {
        let own = self.session(caller).await?;
        let current = caller.user()?.session;
        let sessions = sessions::open(self.log.pool(), own.user.id, now(), MOST).await?;
        Ok(OpenSessions { sessions, current })
    }

    /// Also one's own: that is logging out.
    #[tracing::instrument(skip_all)]
    pub async fn revoke_session(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let user = self.session(caller).await?.user.id;
        let id: Uuid = id.parse().map_err(|_| Error::NoSession)?;
        let session = sessions::find(self.log.pool(), id, user).await?;
        let session = session.filter(|session| session.lives(now())).ok_or(Error::NoSession)?;
        // Ended by someone else at the same moment: that is what was asked for.
        self.end_session(session.id, Some(user)).await?;
        Ok(())
    }

    /// Gives how many that were.
    #[tracing::instrument(skip_all)]
    pub async fn revoke_other_sessions(&self, caller: &Caller) -> Result<usize, Error> {
        let (user, now) = (caller.user()?, now());
        // Every session that ends takes this scope first: of two that would end each other the first one stays.
        let mut write = self.log.begin(SESSIONS).await?;
        let own = sessions::lock(write.conn(), user.session, user.id).await?;
        if !own.is_some_and(|session| session.lives(now)) {
            write.unchanged().await?;
            return Err(Error::Unauthenticated);
        }
        let seq = write.seq();
        let revocations = sessions::revoke_others(write.conn(), user.id, user.session, seq, now).await?;
        if revocations.is_empty() {
            write.unchanged().await?;
            return Ok(0);
        }
        write.commit(ended(&revocations, Some(user.id))).await?;
        self.forget_sessions(&revocations);
        Ok(revocations.len())
    }
}
