//! Members: who they are, their roles, leaving.

use trellis_authn::Caller;
use trellis_proto::org::v1::UpdateMemberRequest;
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{Happened, Ops, Page, What, actor, identity, invitations::revoke_of, listed, still_admin, window};
use crate::{
    domain::{Action, Change, Changed, Cursor, Member, Noted, PageRequest, Role, Roll},
    error::Error,
    store::{audit, members},
    wire,
};

impl Ops {
    pub async fn list_members(&self, caller: &Caller, org: &str, page: &PageRequest) -> Page<Member> {
        let (_, access) = self.member(caller, org).await?;
        let window = window(page)?;
        let found = members::list(&mut *self.log.connection().await?, access.org_id, window).await?;
        listed(window, found, |member| Cursor { at: member.joined_at, id: member.user_id })
    }

    /// A role that the member has already changes nothing. With the rights of an ADMIN go the invitations.
    pub async fn update_member(&self, caller: &Caller, request: &UpdateMemberRequest) -> Result<Member, Error> {
        let (user, org_id) = self.admin(caller, &request.org).await?;
        let mut violations = Violations::new();
        let role = (request.role.as_deref()).and_then(|text| violations.check("role", Role::parse(text)));
        violations.finish().map_err(Error::Invalid)?;
        let member_id = wire::id(&request.user_id).ok_or(Error::MemberNotFound)?;
        let Some(role) = role else {
            let entry = members::roll(&mut *self.log.connection().await?, org_id, member_id).await?;
            return Ok(entry.ok_or(Error::MemberNotFound)?.member);
        };
        let taking = role == Role::Member && member_id != user;
        let email = if taking { self.people.email_of(member_id).await.map_err(identity)? } else { None };

        let mut write = self.begin().await?;
        still_admin(&mut write, org_id, user).await?;
        let entry = members::roll(write.conn(), org_id, member_id).await?.ok_or(Error::MemberNotFound)?;
        if entry.member.role == role {
            write.unchanged().await?;
            return Ok(entry.member);
        }
        keep_an_admin(&entry, Change::Role(role), "role")?;
        members::set_role(write.conn(), org_id, member_id, role).await?;
        let changes = Changed::role(Some(entry.member.role), Some(role));
        let noted = Noted { action: Action::MemberRoleChanged, user: Some(member_id), email: None, changes };
        audit::append(write.conn(), org_id, actor(caller), &noted).await?;
        if taking {
            revoke_of(&mut write, org_id, member_id, email.as_deref(), actor(caller)).await?;
        }
        let happened = Happened {
            what: What::RoleChanged,
            org_id,
            user: Some(member_id),
            role: Some(role),
            actor: Some(user),
            by: Some(user),
        };
        happened.commit(write).await?;
        Ok(Member { role, ..entry.member })
    }

    /// Members may leave; ADMINs may remove anyone. Whose rights are taken loses what invitations could give back.
    pub async fn remove_member(&self, caller: &Caller, org: &str, member_id: &str) -> Result<(), Error> {
        let (user, access) = self.member(caller, org).await?;
        let member_id: Option<Uuid> = wire::id(member_id);
        let leaving = member_id == Some(user);
        if !leaving {
            super::require_admin(access.role)?;
        }
        let (org_id, member_id) = (access.org_id, member_id.ok_or(Error::MemberNotFound)?);
        let email = if leaving { None } else { self.people.email_of(member_id).await.map_err(identity)? };

        let mut write = self.begin().await?;
        if !leaving {
            still_admin(&mut write, org_id, user).await?;
        }
        let roll = members::roll(write.conn(), org_id, member_id).await?;
        // Who left meanwhile is no member who could know of the organization.
        let gone = if leaving { Error::OrganizationNotFound } else { Error::MemberNotFound };
        let roll = roll.ok_or(gone)?;
        keep_an_admin(&roll, Change::Removal, "user_id")?;
        members::delete(write.conn(), org_id, member_id).await?;
        let action = if leaving { Action::MemberLeft } else { Action::MemberRemoved };
        let changes = Changed::role(Some(roll.member.role), None);
        let noted = Noted { action, user: Some(member_id), email: None, changes };
        audit::append(write.conn(), org_id, actor(caller), &noted).await?;
        if !leaving {
            revoke_of(&mut write, org_id, member_id, email.as_deref(), actor(caller)).await?;
        }
        let happened =
            Happened { what: What::Removed, org_id, user: Some(member_id), role: None, actor: Some(user), by: None };
        happened.commit(write).await
    }
}

fn keep_an_admin(roll: &Roll, change: Change, field: &'static str) -> Result<(), Error> {
    if roll.takes_the_last_admin(change) {
        return Err(Error::LastAdmin(field));
    }
    Ok(())
}
