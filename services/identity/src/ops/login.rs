//! Logging in. Unknown e-mail, wrong password and a registration that is not finished are one answer, in one time.

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use trellis_authn::{Caller, Network, ServiceName};
use trellis_rpc::Violations;

use super::{Ops, Tokens, hasher::Place};
use crate::{
    domain::{Client, Credentials, Email},
    error::Error,
    store::users,
};

/// The password may change while it is being verified; then it is verified again, so often.
const ATTEMPTS: usize = 3;

pub struct Login {
    pub email: String,
    pub password: SecretString,
    pub client: Client,
    pub long_lived: bool,
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn login(&self, caller: &Caller, request: Login) -> Result<Tokens, Error> {
        caller.service(&[ServiceName::Gateway])?;
        let email = validate(&request)?;
        let place = self.hasher.admit(Network::from(request.client.ip.parse::<IpAddr>().ok()))?;
        for _ in 0..ATTEMPTS {
            let found = users::credentials(&mut *self.log.connection().await?, &email).await?;
            let hash = found.as_ref().map(|found| found.password_hash.as_str());
            let verified = self.hasher.verify(&place, &request.password, hash).await?;
            let Some(Credentials { user, password_hash, pending: false }) = found.filter(|_| verified.matches) else {
                return Err(Error::InvalidCredentials);
            };
            let id = user.id;
            let mut tx = self.log.begin_unlogged().await?;
            if !users::hold_password(tx.conn(), id, &password_hash).await? {
                continue;
            }
            let tokens = self.open_session(tx.conn(), user, &request.client, request.long_lived).await?;
            tx.commit().await?;
            if verified.outdated {
                self.renew_hash(id, &request.password, &password_hash, &place).await;
            }
            return Ok(tokens);
        }
        Err(Error::Crowded)
    }

    /// Only now is the password known: hash it with today's parameters. The login is good without it.
    async fn renew_hash(&self, user: uuid::Uuid, password: &SecretString, old: &str, place: &Place<'_>) {
        let renewed = async {
            let new = self.hasher.rehash(place, password).await?;
            let mut tx = self.log.begin_unlogged().await?;
            users::rehash(tx.conn(), user, old, &new).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%user, %error, "could not renew an outdated password hash");
        }
    }
}

/// Only what cannot be looked up is refused as such; all else is simply wrong.
fn validate(request: &Login) -> Result<String, Error> {
    let mut violations = Violations::new();
    let fields = [("email", request.email.trim()), ("password", request.password.expose_secret())];
    for (field, text) in fields {
        if text.is_empty() {
            violations.push(field, "required", "must be given");
        } else if text.contains('\0') {
            violations.push(field, "invalid", "must not contain NUL");
        }
    }
    violations.finish()?;
    Ok(Email::canonical(&request.email))
}
