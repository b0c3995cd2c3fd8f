//! Invitations: made, listed and revoked by ADMINs, accepted by whom they are for.

use secrecy::ExposeSecret as _;
use sqlx::PgExecutor;
use trellis_authn::Caller;
use trellis_eventlog::{Unlogged, Write};
use trellis_proto::org::v1::{AcceptInvitationResponse, CreateInvitationRequest, CreateInvitationResponse};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{Happened, Ops, Page, What, actor, identity, listed, require_admin, window};
use crate::{
    domain::{Action, Actor, Changed, Cursor, Email, Invitation, NewInvitation, Noted, PageRequest, Role},
    error::Error,
    store::{
        access, audit,
        invitations::{self, Accepted},
        members, organizations,
    },
    wire,
};

impl Ops {
    /// The answer alone has the token, also when it is given again.
    pub async fn create_invitation(
        &self,
        caller: &Caller,
        request: &CreateInvitationRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<CreateInvitationResponse>, Error> {
        let (user, org_id) = self.admin(caller, &request.org).await?;
        let once = Once::new(user, key);
        if let Some(answer) = once.look::<CreateInvitationResponse>(&self.log).await? {
            return Ok(Answer::again(self.with_token(answer)));
        }
        let new = new_invitation(request, user)?;
        let invited = self.people.with_email(new.email.as_str()).await.map_err(identity)?;

        let mut write = self.log.begin_unlogged().await?;
        if let Some(answer) = once.find::<CreateInvitationResponse>(write.conn()).await? {
            return Ok(Answer::again(self.with_token(answer)));
        }
        hold(&mut write, org_id, user).await?;
        if let Some(invited) = invited
            && access::by_id(write.conn(), org_id, invited).await?.is_some()
        {
            return Err(Error::EmailOfMember);
        }
        let made = invitations::insert(write.conn(), org_id, &new).await?.ok_or(Error::EmailInvited)?;
        let created = Noted {
            action: Action::InvitationCreated,
            user: None,
            email: Some(&made.email),
            changes: Changed::role(None, Some(made.role)),
        };
        audit::append(write.conn(), org_id, actor(caller), &created).await?;
        let answer = CreateInvitationResponse { invitation: Some(wire::invitation(made)) };
        // Kept without the token, which is made again from the id.
        once.keep(write.conn(), &answer).await?;
        write.commit().await?;
        Ok(Answer::first(self.with_token(answer)))
    }

    fn with_token(&self, mut answer: CreateInvitationResponse) -> CreateInvitationResponse {
        if let Some(invitation) = &mut answer.invitation
            && let Some(id) = wire::id(&invitation.id)
        {
            self.invitations.token(id).expose_secret().clone_into(&mut invitation.token);
        }
        answer
    }

    pub async fn list_invitations(&self, caller: &Caller, org: &str, page: &PageRequest) -> Page<Invitation> {
        let (_, org_id) = self.admin(caller, org).await?;
        let window = window(page)?;
        let found = invitations::open(&mut *self.log.connection().await?, org_id, window).await?;
        listed(window, found, |invitation| Cursor { at: invitation.created_at, id: invitation.id })
    }

    pub async fn revoke_invitation(&self, caller: &Caller, org: &str, id: &str) -> Result<(), Error> {
        let (user, org_id) = self.admin(caller, org).await?;
        let id = wire::id(id).ok_or(Error::InvitationNotFound)?;
        let mut write = self.log.begin_unlogged().await?;
        hold(&mut write, org_id, user).await?;
        let email = invitations::revoke(write.conn(), org_id, id).await?.ok_or(Error::InvitationNotFound)?;
        let revoked = Noted { action: Action::InvitationRevoked, user: None, email: Some(&email), changes: Vec::new() };
        audit::append(write.conn(), org_id, actor(caller), &revoked).await?;
        Ok(write.commit().await?)
    }

    /// Of two at once exactly one succeeds: the other finds the invitation used.
    pub async fn accept_invitation(
        &self,
        caller: &Caller,
        token: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Answer<AcceptInvitationResponse>, Error> {
        let user = caller.user()?.id;
        let once = Once::new(user, key);
        if let Some(answer) = once.look(&self.log).await? {
            return accepted_before(&mut *self.log.connection().await?, user, answer).await;
        }
        if token.trim().is_empty() {
            // No token at all is a mistake in the request, not an invitation that is gone.
            let mut violations = Violations::new();
            violations.push("token", "required", "is required");
            violations.finish().map_err(Error::Invalid)?;
        }
        let id = self.invitations.open(token).ok_or(Error::InvitationNotFound)?;
        let email = self.people.email_of(user).await.map_err(identity)?;
        let email = email.ok_or(Error::InvitationNotFound)?;
        // First without the lock: tokens that fit no more must not stand in the way of others.
        if !invitations::may_fit(&mut *self.log.connection().await?, id, &email, user).await? {
            return Err(Error::InvitationNotFound);
        }

        let mut write = self.begin().await?;
        if let Some(answer) = once.find(write.conn()).await? {
            return accepted_before(write.conn(), user, answer).await;
        }
        let accepted = invitations::accept(write.conn(), id, &email, user).await?;
        let Accepted { org_id, role, email, invited_by } = accepted.ok_or(Error::InvitationNotFound)?;
        if !members::insert(write.conn(), org_id, user, role).await? {
            // Dropped with the write: the invitation stays open.
            return Err(Error::AlreadyMember);
        }
        audit::append(write.conn(), org_id, actor(caller), &Noted::accepted(user, &email)).await?;
        audit::append(write.conn(), org_id, actor(caller), &Noted::joined(Some(user), role)).await?;
        let organization = organizations::of_member_by_id(write.conn(), org_id, user).await?;
        let organization = organization.ok_or(Error::Unexpected("a new member does not see the organization"))?;
        let answer = AcceptInvitationResponse { organization: Some(wire::organization(organization)) };
        once.keep(write.conn(), &answer).await?;
        let happened = Happened {
            what: What::Joined,
            org_id,
            user: Some(user),
            role: Some(role),
            actor: Some(user),
            by: Some(invited_by),
        };
        happened.commit(write).await?;
        Ok(Answer::first(answer))
    }
}

/// Who has left or was removed since is told of the organization no more, by an old answer neither.
async fn accepted_before(
    db: impl PgExecutor<'_>,
    user: Uuid,
    answer: AcceptInvitationResponse,
) -> Result<Answer<AcceptInvitationResponse>, Error> {
    let org_id = answer.organization.as_ref().and_then(|organization| wire::id(&organization.id));
    let org_id = org_id.ok_or(Error::Unexpected("a kept answer names no organization"))?;
    access::by_id(db, org_id, user).await?.ok_or(Error::InvitationNotFound)?;
    Ok(Answer::again(answer))
}

fn new_invitation(request: &CreateInvitationRequest, invited_by: Uuid) -> Result<NewInvitation, Error> {
    let mut violations = Violations::new();
    let email = violations.check("email", Email::parse(&request.email));
    let role = match request.role.as_deref() {
        None => Some(Role::Member),
        Some(text) => violations.check("role", Role::parse(text)),
    };
    violations.finish().map_err(Error::Invalid)?;
    match (email, role) {
        (Some(email), Some(role)) => Ok(NewInvitation { id: Uuid::now_v7(), email, role, invited_by }),
        _ => Err(Error::Unexpected("a field is neither good nor bad")),
    }
}

/// Keeps the organization from being deleted meanwhile, and the ADMIN from losing the right, which is checked once
/// more: identity may have taken its time. The organization is the first lock, as it is of its deletion: who had an
/// invitation's and then waited for the organization's would wait for each other with that.
async fn hold(write: &mut Unlogged, org_id: Uuid, admin: Uuid) -> Result<(), Error> {
    if !invitations::hold(write.conn(), org_id).await? {
        return Err(Error::OrganizationNotFound);
    }
    let role = members::hold(write.conn(), org_id, admin).await?;
    require_admin(role.ok_or(Error::OrganizationNotFound)?)
}

/// What somebody whose rights were taken could still use goes with them: the open invitations that they made, and
/// those for their own e-mail, with which they would come back.
pub(super) async fn revoke_of(
    write: &mut Write,
    org_id: Uuid,
    who: Uuid,
    email: Option<&str>,
    by: Actor,
) -> Result<(), Error> {
    let revoked = invitations::revoke_of(write.conn(), org_id, who, email).await?;
    if !revoked.is_empty() {
        audit::append_revoked(write.conn(), org_id, by, &revoked).await?;
    }
    Ok(())
}
