//! What a login, a registration, a refresh and a renewal answer with; opening and ending sessions.

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
    domain::{Client, LIFETIME, RefreshToken, Revocation, Session, User},
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
    /// A renewal gives none.
    pub refresh: Option<RefreshToken>,
    pub session_created_at: DateTime<Utc>,
    /// However much it is used.
    pub session_ends_at: DateTime<Utc>,
}

/// An access token, before anyone has it.
pub(super) struct Access {
    pub(super) token: SecretString,
    pub(super) expires_in: TimeDelta,
    pub(super) expires_at: DateTime<Utc>,
}

impl Tokens {
    pub(super) fn new(session: Session, access: Access, refresh: Option<RefreshToken>) -> Self {
        Self {
            user: session.user,
            access: access.token,
            expires_in: access.expires_in,
            refresh,
            session_created_at: session.created_at,
            session_ends_at: session.expires_at,
        }
    }
}

impl Ops {
    /// Tokens tell whole seconds, and none outlasts its session.
    pub(super) fn access_token(
        &self,
        session: &Session,
        long_lived: bool,
        now: DateTime<Utc>,
    ) -> Result<Access, Error> {
        let issued_at = now.trunc_subsecs(0);
        let expires_at = (issued_at + self.lifetimes.of(long_lived)).min(session.expires_at.trunc_subsecs(0));
        let token = self.keyring.sign(session.user.id, session.id, now, expires_at)?;
        Ok(Access { token, expires_in: expires_at - issued_at, expires_at })
    }

    /// Opens a session of a user whose right to it was proven, in the transaction that proved it.
    pub(super) async fn open_session(
        &self,
        conn: &mut PgConnection,
        user: User,
        client: &Client,
        long_lived: bool,
    ) -> Result<Tokens, Error> {
        let now = now();
        let session = Session {
            id: Uuid::now_v7(),
            user,
            created_at: now,
            last_used_at: now,
            expires_at: now + LIFETIME,
            long_lived,
            revoked: false,
        };
        let access = self.access_token(&session, long_lived, now)?;
        let refresh = RefreshToken::generate();
        sessions::insert(conn, &session, client, access.expires_at).await?;
        refresh_tokens::insert(conn, &refresh.hash(), session.id, now).await?;
        Ok(Tokens::new(session, access, Some(refresh)))
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
