//! What a login, a registration and a refresh answer with; opening and ending sessions.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use prost::Message as _;
use secrecy::SecretString;
use sqlx::PgConnection;
use trellis_eventlog::NewEvent;
use trellis_proto::{
    identity::v1::{EndedSessions, RevokedSession},
    subject::SESSIONS,
};
use trellis_rpc::convert::timestamp;
use uuid::Uuid;

use super::{Ops, now};
use crate::{
    domain::{Client, NewSession, RefreshToken, Revocation, User},
    error::Error,
    store::{refresh_tokens, sessions},
};

/// Everyone forgets an ended session a little after its last access token: clocks differ, verifiers have leeway.
pub(super) const FORGET_AFTER: TimeDelta = TimeDelta::seconds(30);

/// What a client goes on with.
pub struct Tokens {
    pub user: User,
    pub access: SecretString,
    pub expires_in: TimeDelta,
    pub refresh: RefreshToken,
}

/// An access token, before anyone has it.
pub(super) struct Access {
    pub(super) token: SecretString,
    pub(super) expires_in: TimeDelta,
    pub(super) expires_at: DateTime<Utc>,
}

impl Ops {
    pub(super) fn access_token(
        &self,
        user: Uuid,
        session: Uuid,
        long_lived: bool,
        now: DateTime<Utc>,
    ) -> Result<Access, Error> {
        let expires_in = self.lifetimes.of(long_lived);
        // Tokens tell whole seconds.
        let expires_at = now.trunc_subsecs(0) + expires_in;
        let token = self.keyring.sign(user, session, now, expires_at)?;
        Ok(Access { token, expires_in, expires_at })
    }

    /// Opens a session of a user whose right to it was proven, in the transaction that proved it.
    pub(super) async fn open_session(
        &self,
        conn: &mut PgConnection,
        user: User,
        client: &Client,
        long_lived: bool,
    ) -> Result<Tokens, Error> {
        let (now, id) = (now(), Uuid::now_v7());
        let access = self.access_token(user.id, id, long_lived, now)?;
        let refresh = RefreshToken::generate();
        let session =
            NewSession { id, user_id: user.id, client, created_at: now, access_expires_at: access.expires_at };
        sessions::insert(conn, &session).await?;
        refresh_tokens::insert(conn, &refresh.hash(), id, now).await?;
        Ok(Tokens { user, access: access.token, expires_in: access.expires_in, refresh })
    }

    /// Ends one session, for everyone within a second; `false` where it had ended already.
    pub(super) async fn end_session(&self, session: Uuid, actor: Option<Uuid>) -> Result<bool, Error> {
        let mut write = self.log.begin(SESSIONS).await?;
        let seq = write.seq();
        let Some(revocation) = sessions::revoke(write.conn(), session, seq, now()).await? else {
            write.unchanged().await?;
            return Ok(false);
        };
        write.commit(ended(&[revocation], actor)).await?;
        self.forget_sessions(&[revocation]);
        Ok(true)
    }

    /// Verifies no token of these any more, here and now; the feed tells the others.
    pub(super) fn forget_sessions(&self, revocations: &[Revocation]) {
        for revocation in revocations {
            self.sessions.revoke(revocation.session_id, revocation.access_expires_at + FORGET_AFTER);
        }
    }
}

/// The event of sessions that ended together.
pub(super) fn ended(revocations: &[Revocation], actor: Option<Uuid>) -> NewEvent {
    let sessions = revocations.iter().map(revoked).collect();
    NewEvent { kind: "session.revoked", actor, subject: None, payload: EndedSessions { sessions }.encode_to_vec() }
}

/// An ended session, as followers hear of it.
pub(crate) fn revoked(revocation: &Revocation) -> RevokedSession {
    RevokedSession {
        session_id: revocation.session_id.to_string(),
        seq: revocation.seq,
        forget_at: Some(timestamp(revocation.access_expires_at + FORGET_AFTER)),
    }
}
