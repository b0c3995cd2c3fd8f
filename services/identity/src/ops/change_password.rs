//! Changing the password: with it, in one transaction, all other sessions end.

use secrecy::{ExposeSecret as _, SecretString};
use trellis_authn::Caller;
use trellis_proto::{identity::v1::ChangePasswordResponse, subject::SESSIONS};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{Ops, now, tokens::ended};
use crate::{
    domain::NewPassword,
    error::Error,
    store::{sessions, users},
};

/// The password may change while it is being verified; then it is verified again, so often.
const ATTEMPTS: usize = 3;

pub struct ChangePassword {
    pub current: SecretString,
    pub new: SecretString,
    pub idempotency: Option<IdempotencyKey>,
}

/// What a change is made of, once everything is known.
struct Change<'a> {
    user: Uuid,
    session: Uuid,
    old_hash: &'a str,
    new_hash: &'a str,
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn change_password(
        &self,
        caller: &Caller,
        request: ChangePassword,
    ) -> Result<Answer<ChangePasswordResponse>, Error> {
        let user = caller.user()?;
        let new = validate(&request)?;
        let place = self.hasher.admit(user.address.into())?;
        let once = self.once(user.id, request.idempotency);
        for _ in 0..ATTEMPTS {
            let old_hash = users::password_hash(&mut *self.log.connection().await?, user.id, user.session).await?;
            let old_hash = old_hash.ok_or(Error::Unauthenticated)?;
            if !self.hasher.verify(&place, &request.current, Some(&old_hash)).await?.matches {
                // A retry shows the password that its first request has changed.
                return self.answered_before(&once).await;
            }
            let new_hash = self.hasher.hash(&place, &new).await?;
            let change = Change { user: user.id, session: user.session, old_hash: &old_hash, new_hash: &new_hash };
            if let Some(changed) = self.apply(&change, &once).await? {
                return Ok(changed);
            }
        }
        Err(Error::Crowded)
    }

    /// `None` where the password or the session is no longer what it was.
    async fn apply(&self, change: &Change<'_>, once: &Once) -> Result<Option<Answer<ChangePasswordResponse>>, Error> {
        let Change { user, session, old_hash, new_hash } = *change;
        // Every session that ends takes this scope first: what is seen of sessions under it stays so.
        let mut write = self.log.begin(SESSIONS).await?;
        if let Some(message) = once.find(write.conn()).await? {
            write.unchanged().await?;
            return Ok(Some(Answer::again(message)));
        }
        let answer = ChangePasswordResponse {};
        once.keep(write.conn(), &answer).await?;
        if !users::change_password(write.conn(), user, session, old_hash, new_hash).await? {
            write.unchanged().await?;
            return Ok(None);
        }
        let seq = write.seq();
        let revocations = sessions::revoke_others(write.conn(), user, session, seq, now()).await?;
        // Also where no other session ended: the number was taken, and every number has its event.
        write.commit(ended(&revocations, Some(user))).await?;
        self.forget_sessions(&revocations);
        Ok(Some(Answer::first(answer)))
    }

    async fn answered_before(&self, once: &Once) -> Result<Answer<ChangePasswordResponse>, Error> {
        Ok(Answer::again(once.look(&self.log).await?.ok_or(Error::IncorrectPassword)?))
    }

    /// The body has passwords in it: its digest is stored only under the server's secret, or it would be a way to
    /// guess them that costs no argon2.
    fn once(&self, user: Uuid, key: Option<IdempotencyKey>) -> Once {
        let secret = |mut key: IdempotencyKey| {
            key.fingerprint = self.token_secret.mac("password change", &key.fingerprint);
            key
        };
        Once::new(user, key.map(secret))
    }
}

fn validate(request: &ChangePassword) -> Result<NewPassword, Error> {
    let mut violations = Violations::new();
    if request.current.expose_secret().is_empty() {
        violations.push("current_password", "required", "must be given");
    }
    let new = violations.check("new_password", NewPassword::parse(&request.new));
    violations.finish()?;
    new.ok_or_else(|| Error::Unexpected("a password was refused without a word".into()))
}
