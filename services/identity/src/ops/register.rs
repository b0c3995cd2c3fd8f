//! Registering, alone or with an organization.
//!
//! There is no transaction across services: with an organization the user is stored as pending, org is asked to take
//! it, and only then it becomes active. What a crash or a silent org leaves pending is for the sweeper.

use std::net::IpAddr;

use secrecy::SecretString;
use trellis_authn::{Caller, Network, ServiceName};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{Ops, Tokens, now};
use crate::{
    domain::{Client, Email, Name, NewPassword, User, is_slug},
    error::Error,
    store::users,
};

pub struct Register {
    pub email: String,
    pub password: SecretString,
    pub name: String,
    pub organization_slug: Option<String>,
    pub invitation_token: Option<String>,
    pub client: Client,
    pub long_lived: bool,
}

/// Which organization to join, and by what right.
pub(super) struct Target {
    pub(super) slug: Option<String>,
    pub(super) invitation: Option<String>,
}

struct NewUser {
    email: Email,
    name: Name,
    password: NewPassword,
}

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn register(&self, caller: &Caller, request: Register) -> Result<Tokens, Error> {
        caller.service(&[ServiceName::Gateway])?;
        let new = validate(&request)?;
        let target = target(request.organization_slug, request.invitation_token)?;
        let place = self.hasher.admit(Network::from(request.client.ip.parse::<IpAddr>().ok()))?;
        // Spares the hashing; the index decides.
        if users::email_is_taken(&mut *self.log.connection().await?, &new.email).await? {
            return Err(Error::EmailTaken);
        }
        let password_hash = self.hasher.hash(&place, &new.password).await?;
        drop(place);
        let user = User {
            id: Uuid::now_v7(),
            email: new.email.as_str().to_owned(),
            name: new.name.as_str().to_owned(),
            created_at: now(),
        };
        match target {
            None => self.register_alone(user, &password_hash, &request.client, request.long_lived).await,
            Some(target) => {
                self.insert_pending(&user, &password_hash).await?;
                self.join(&user, &new.email, &target, &request.client).await?;
                self.activate(user, &request.client, request.long_lived).await
            }
        }
    }

    async fn register_alone(
        &self,
        user: User,
        password_hash: &str,
        client: &Client,
        long_lived: bool,
    ) -> Result<Tokens, Error> {
        let mut tx = self.log.begin_unlogged().await?;
        if !users::insert(tx.conn(), &user, password_hash, None).await? {
            return Err(Error::EmailTaken);
        }
        let tokens = self.open_session(tx.conn(), user, client, long_lived).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    async fn insert_pending(&self, user: &User, password_hash: &str) -> Result<(), Error> {
        let mut tx = self.log.begin_unlogged().await?;
        if !users::insert(tx.conn(), user, password_hash, Some(now())).await? {
            return Err(Error::EmailTaken);
        }
        Ok(tx.commit().await?)
    }

    /// No transaction is open meanwhile: org may take its time.
    async fn join(&self, user: &User, email: &Email, target: &Target, client: &Client) -> Result<(), Error> {
        let joined = self.org.join(user.id, email, target, client).await;
        if let Err(Error::InvitationRequired) = joined {
            let mut tx = self.log.begin_unlogged().await?;
            users::delete_pending(tx.conn(), user.id).await?;
            tx.commit().await?;
        }
        joined
    }

    async fn activate(&self, user: User, client: &Client, long_lived: bool) -> Result<Tokens, Error> {
        let mut tx = self.log.begin_unlogged().await?;
        if !users::activate(tx.conn(), user.id).await? {
            // This took longer than the sweeper waits, and it was here first.
            match users::is_active(tx.conn(), user.id).await? {
                Some(true) => {}
                Some(false) | None => return Err(Error::OrgUnavailable),
            }
        }
        let tokens = self.open_session(tx.conn(), user, client, long_lived).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}

/// Names every bad field at once.
fn validate(request: &Register) -> Result<NewUser, Error> {
    let mut violations = Violations::new();
    let email = violations.check("email", Email::parse(&request.email));
    let password = violations.check("password", NewPassword::parse(&request.password));
    let name = violations.check("name", Name::parse(&request.name));
    match (email, password, name) {
        (Some(email), Some(password), Some(name)) => Ok(NewUser { email, name, password }),
        _ => match violations.finish() {
            Err(problem) => Err(problem.into()),
            Ok(()) => Err(Error::Unexpected("a field was refused without a word".into())),
        },
    }
}

/// What can be no organization's slug and no token is answered like one that is unknown, without asking.
fn target(slug: Option<String>, invitation: Option<String>) -> Result<Option<Target>, Error> {
    if slug.is_none() && invitation.is_none() {
        return Ok(None);
    }
    let slug_is_good = slug.as_deref().is_none_or(is_slug);
    let invitation_is_good = invitation.as_deref().is_none_or(|token| {
        !token.is_empty() && token.len() <= 500 && token.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if !slug_is_good || !invitation_is_good {
        return Err(Error::InvitationRequired);
    }
    Ok(Some(Target { slug, invitation }))
}
