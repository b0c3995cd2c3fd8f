//! Where one is logged in, and ending that elsewhere.
//!
//! Whoever shows the token of a session that has ended is told nothing and ends nothing: the database is asked, which
//! knows it before the feed does.

use trellis_authn::Caller;
use trellis_proto::subject::SESSIONS;
use uuid::Uuid;

use super::{Ops, now, tokens::ended};
use crate::{
    domain::{BadPage, Cursor, Listed, OpenSession, PageRequest},
    error::Error,
    store::sessions,
};

/// What is given at once at most; nobody reads so many.
const MOST: u32 = 1000;

/// A page of them.
pub struct OpenSessions {
    pub sessions: Vec<OpenSession>,
    pub next: Option<Cursor>,
    /// The one of the token that asks.
    pub current: Uuid,
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn open_sessions(&self, caller: &Caller, page: &PageRequest) -> Result<OpenSessions, Error> {
        let own = self.session(caller).await?;
        let current = caller.user()?.session;
        let window = page.newest_first().map_err(bad_page)?.at_most(MOST);
        let found = sessions::open(&mut *self.log.connection().await?, own.user.id, now(), window).await?;
        let place = |session: &OpenSession| Cursor { at: session.last_used_at, id: session.id };
        let Listed { items, next, .. } = window.page(found, place).map_err(bad_page)?;
        Ok(OpenSessions { sessions: items, next, current })
    }

    /// Also one's own: that is logging out.
    #[tracing::instrument(skip_all)]
    pub async fn revoke_session(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let user = self.session(caller).await?.user.id;
        let id: Uuid = id.parse().map_err(|_| Error::NoSession)?;
        let session = sessions::find(&mut *self.log.connection().await?, id, user).await?;
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

fn bad_page(bad: BadPage) -> Error {
    match bad {
        BadPage::Parameter(name) => Error::BadParameter(name),
        BadPage::TooLong => Error::Unexpected("a list was given whole that never is".into()),
    }
}
