//! Becoming a member while registering. Identity alone asks, for a user who cannot sign in yet.

use trellis_authn::{Caller, ClientAddress, ServiceName};
use trellis_proto::org::v1::JoinRequest;
use uuid::Uuid;

use super::{Happened, Ops, What};
use crate::{
    domain::{Actor, Decision, Noted, Role, Target, decide, is_slug},
    error::Error,
    store::{access, audit, invitations, members},
    wire,
};

impl Ops {
    /// Where the user became a member, and as what. Asked again for the same user it answers the same.
    pub async fn join(
        &self,
        caller: &Caller,
        request: &JoinRequest,
        from: ClientAddress,
    ) -> Result<(Uuid, Role), Error> {
        only_identity(caller)?;
        let user = wire::id(&request.user_id).ok_or(Error::BadParameter("user_id"))?;
        let token = request.invitation_token.as_deref();
        let slug = request.organization_slug.as_deref();
        if slug.is_none() && token.is_none() {
            return Err(Error::BadParameter("organization_slug"));
        }
        if slug.is_some_and(|slug| !is_slug(slug)) {
            return Err(Error::InvitationRequired);
        }
        let invitation = token.and_then(|token| self.invitations.open(token));
        let email = &request.email;
        let answer = |target: Option<&Target>| match target {
            Some(target) => (Some(target.org_id), decide(target, token.is_some())),
            None => (None, Decision::Refuse),
        };

        // First without the lock: guesses at organizations must not stand in the way of others.
        let target = invitations::target(&mut *self.log.connection().await?, slug, invitation, email, user).await?;
        match answer(target.as_ref()) {
            (Some(org_id), Decision::Already(role)) => return Ok((org_id, role)),
            (Some(_), Decision::Admit { .. }) => {}
            (_, Decision::Refuse) | (None, _) => return Err(Error::InvitationRequired),
        }

        let mut write = self.begin().await?;
        let target = invitations::target(write.conn(), slug, invitation, email, user).await?;
        let (org_id, role, using) = match answer(target.as_ref()) {
            (Some(org_id), Decision::Already(role)) => {
                write.unchanged().await?;
                return Ok((org_id, role));
            }
            (Some(org_id), Decision::Admit { role, using }) => (org_id, role, using),
            (_, Decision::Refuse) | (None, _) => return Err(Error::InvitationRequired),
        };
        let actor = Actor { user: Some(user), address: from.0 };
        let mut by = None;
        if let Some(id) = using {
            // An ADMIN may have revoked it since: that takes no lock.
            let accepted = invitations::accept(write.conn(), id, email, user).await?;
            let accepted = accepted.ok_or(Error::InvitationRequired)?;
            audit::append(write.conn(), org_id, actor, &Noted::accepted(user, &accepted.email)).await?;
            by = Some(accepted.invited_by);
        }
        members::insert(write.conn(), org_id, user, role).await?;
        audit::append(write.conn(), org_id, actor, &Noted::joined(Some(user), role)).await?;
        let happened =
            Happened { what: What::Joined, org_id, user: Some(user), role: Some(role), actor: Some(user), by };
        happened.commit(write).await?;
        Ok((org_id, role))
    }

    pub async fn has_membership(&self, caller: &Caller, user: &str) -> Result<bool, Error> {
        only_identity(caller)?;
        let user = wire::id(user).ok_or(Error::BadParameter("user_id"))?;
        Ok(access::anywhere(&mut *self.log.connection().await?, user).await?)
    }
}

fn only_identity(caller: &Caller) -> Result<(), Error> {
    caller.service(&[ServiceName::Identity])?;
    Ok(())
}
