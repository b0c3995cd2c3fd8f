//! Exchanging a refresh token. Everything is decided under the lock of the session's row, so that of many at once
//! one rotates and the others repeat it.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use trellis_authn::{Caller, ServiceName};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{Ops, Tokens, now};
use crate::{
    domain::{Client, RefreshToken, Verdict, judge},
    error::Error,
    store::{refresh_tokens, sessions},
};

pub struct Refresh {
    /// As the client sent it.
    pub token: SecretString,
    pub client: Client,
}

enum Outcome {
    Tokens(Tokens),
    /// The family must end; that is a write of another kind.
    Reused(Uuid),
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn refresh(&self, caller: &Caller, request: Refresh) -> Result<Tokens, Error> {
        caller.service(&[ServiceName::Gateway])?;
        if request.token.expose_secret().is_empty() {
            let mut violations = Violations::new();
            violations.push("refresh_token", "required", "must be given");
            violations.finish()?;
        }
        let token = RefreshToken::parse(request.token.expose_secret()).ok_or(Error::Unauthenticated)?;
        match self.exchange(&token, &request.client, now()).await? {
            Outcome::Tokens(tokens) => Ok(tokens),
            // Once spent and past its time a token stays so: nothing is judged again.
            Outcome::Reused(session) => {
                if self.end_session(session, None).await? {
                    tracing::warn!(%session, "an old refresh token was used: its session has ended");
                }
                Err(Error::Unauthenticated)
            }
        }
    }

    async fn exchange(&self, token: &RefreshToken, client: &Client, now: DateTime<Utc>) -> Result<Outcome, Error> {
        let (hash, successor) = (token.hash(), token.successor(&self.token_secret));
        let mut tx = self.log.begin_unlogged().await?;
        let session = sessions::lock_by_token(tx.conn(), &hash).await?;
        let session = session.filter(|session| session.lives(now)).ok_or(Error::Unauthenticated)?;
        let state = refresh_tokens::state(tx.conn(), &hash, &successor.hash()).await?;
        let state = state.ok_or(Error::Unauthenticated)?;
        match judge(state.spent_at, state.successor_unused, now) {
            Verdict::Rotate => refresh_tokens::rotate(tx.conn(), &hash, &successor.hash(), now).await?,
            Verdict::Repeat => {}
            Verdict::Reused => {
                tx.rollback().await?;
                return Ok(Outcome::Reused(session.id));
            }
        }
        let access = self.access_token(&session, false, now)?;
        sessions::touch(tx.conn(), session.id, Some(client), now, access.expires_at).await?;
        tx.commit().await?;
        Ok(Outcome::Tokens(Tokens::new(session, access, Some(successor))))
    }
}
