//! Organizations: the directory, settings, making and deleting them.

use trellis_authn::{Caller, ClientAddress, ServiceName};
use trellis_eventlog::Write;
use trellis_proto::org::v1::{
    CreateOrganizationRequest, CreateOrganizationResponse, DeleteOrganizationRequest, UpdateOrganizationRequest,
};
use trellis_rpc::{IdempotencyKey, Violations};
use trellis_service::{Answer, Once};
use uuid::Uuid;

use super::{Happened, Ops, Page, What, actor, listed, path, require_admin, window};
use crate::{
    domain::{
        Action, Actor, Changed, Cursor, Edit, Email, JoinPolicy, Name, NewOrganization, Noted, Organization,
        PageRequest, Role, Slug,
    },
    error::Error,
    store::{audit, directory, organizations},
    wire,
};

impl Ops {
    /// Who makes it becomes its ADMIN. Made by nobody who is signed in, it waits for its first member.
    pub async fn create_organization(
        &self,
        caller: &Caller,
        request: &CreateOrganizationRequest,
        key: Option<IdempotencyKey>,
        from: ClientAddress,
    ) -> Result<Answer<CreateOrganizationResponse>, Error> {
        let creator = self.creator(caller)?;
        let actor = match caller {
            Caller::User(_) => actor(caller),
            Caller::Service(_) => Actor { user: None, address: from.0 },
        };
        // Keys are a user's: who is not signed in has none.
        let once = creator.map_or_else(Once::without, |user| Once::new(user, key));
        if let Some(answer) = once.look(&self.log).await? {
            return Ok(Answer::again(answer));
        }
        let new = new_organization(request)?;

        let mut write = self.begin().await?;
        if let Some(answer) = once.find(write.conn()).await? {
            return Ok(Answer::again(answer));
        }
        let (slug, name, email) = (new.slug.as_str(), new.name.as_str(), new.contact_email.as_str());
        refuse_taken(&mut write, Some(slug), Some(name), Some(email), new.id).await?;
        let made = organizations::insert(write.conn(), &new, creator).await?;
        let created = Noted {
            action: Action::OrganizationCreated,
            user: None,
            email: None,
            changes: Changed::settings(None, &made),
        };
        audit::append(write.conn(), new.id, actor, &created).await?;
        if creator.is_some() {
            let joined = Noted::joined(creator, Role::Admin);
            audit::append(write.conn(), new.id, actor, &joined).await?;
        }
        let answer = CreateOrganizationResponse { organization: Some(wire::organization(made)) };
        once.keep(write.conn(), &answer).await?;
        let (what, role) = match creator {
            Some(_) => (What::Joined, Some(Role::Admin)),
            None => (What::Created, None),
        };
        Happened { what, org_id: new.id, user: creator, role, actor: creator, by: None }.commit(write).await?;
        Ok(Answer::first(answer))
    }

    /// The user who calls; `None` for the gateway's call on behalf of somebody who is not signed in.
    fn creator(&self, caller: &Caller) -> Result<Option<Uuid>, Error> {
        match caller {
            Caller::User(user) => Ok(Some(user.id)),
            Caller::Service(ServiceName::Gateway) if self.signed_out_organizations => Ok(None),
            Caller::Service(ServiceName::Gateway) => Err(Error::SignedOut),
            Caller::Service(ServiceName::Identity | ServiceName::Org | ServiceName::Project) => Err(Error::Forbidden),
        }
    }

    pub async fn get_organization(&self, caller: &Caller, org: &str) -> Result<Organization, Error> {
        let user = caller.user()?.id;
        let found = organizations::of_member(&mut *self.log.connection().await?, path(org)?, user).await?;
        found.ok_or(Error::OrganizationNotFound)
    }

    /// A service asks for those who are signed out.
    pub async fn list_organizations(&self, caller: &Caller, mine: bool, page: &PageRequest) -> Page<Organization> {
        let user = match caller {
            Caller::User(user) => Some(user.id),
            // Nobody's own: says `unauthenticated`.
            Caller::Service(_) if mine => return Err(caller.user().map_or_else(Into::into, |_| Error::Forbidden)),
            Caller::Service(_) => {
                caller.service(&[ServiceName::Gateway])?;
                None
            }
        };
        let window = window(page)?;
        let db = &mut *self.log.connection().await?;
        let found = match user {
            Some(user) if mine => directory::of_user(db, user, window).await?,
            // The whole of it is bounded and never refused: who floods it with organizations must not take it from
            // everybody.
            _ if page.all => directory::whole(db, user).await?,
            _ => directory::page(db, user, window).await?,
        };
        listed(window, found, |organization| Cursor { at: organization.created_at, id: organization.id })
    }

    /// Touches only the fields that are sent. Where they change nothing, nothing happens.
    pub async fn update_organization(
        &self,
        caller: &Caller,
        request: &UpdateOrganizationRequest,
    ) -> Result<Organization, Error> {
        let (user, org_id) = self.admin(caller, &request.org).await?;
        let edit = edit(request)?;

        let mut write = self.begin().await?;
        let now = current(&mut write, org_id, user, request.expected_version).await?;
        if edit.changes_nothing_of(&now) {
            write.unchanged().await?;
            return Ok(now);
        }
        let slug = edit.slug.as_ref().map(Slug::as_str);
        let name = edit.name.as_ref().map(Name::as_str);
        let email = edit.contact_email.as_ref().map(Email::as_str);
        refuse_taken(&mut write, slug, name, email, org_id).await?;
        let organization = organizations::update(write.conn(), org_id, &edit, Role::Admin).await?;
        let changes = Changed::settings(Some(&now), &organization);
        let updated = Noted { action: Action::OrganizationUpdated, user: None, email: None, changes };
        audit::append(write.conn(), org_id, actor(caller), &updated).await?;
        let happened = Happened { what: What::Updated, org_id, user: None, role: None, actor: Some(user), by: None };
        happened.commit(write).await?;
        Ok(organization)
    }

    /// Members and invitations go at once; others hear of it by the event.
    pub async fn delete_organization(&self, caller: &Caller, request: &DeleteOrganizationRequest) -> Result<(), Error> {
        let (user, org_id) = self.admin(caller, &request.org).await?;
        let mut write = self.begin().await?;
        current(&mut write, org_id, user, request.expected_version).await?;
        organizations::delete(write.conn(), org_id).await?;
        let happened = Happened { what: What::Deleted, org_id, user: None, role: None, actor: Some(user), by: None };
        happened.commit(write).await
    }
}

/// The organization as it stands behind the lock, its ADMIN's right, and that it is the expected version.
async fn current(write: &mut Write, org_id: Uuid, user: Uuid, expected: Option<u64>) -> Result<Organization, Error> {
    let now = organizations::of_member_by_id(write.conn(), org_id, user).await?;
    let now = now.ok_or(Error::OrganizationNotFound)?;
    require_admin(now.role.ok_or(Error::OrganizationNotFound)?)?;
    if expected.is_some_and(|expected| expected != wire::unsigned(now.version)) {
        return Err(Error::VersionMismatch);
    }
    Ok(now)
}

async fn refuse_taken(
    write: &mut Write,
    slug: Option<&str>,
    name: Option<&str>,
    contact_email: Option<&str>,
    except: Uuid,
) -> Result<(), Error> {
    let taken = organizations::taken(write.conn(), slug, name, contact_email, except).await?;
    if taken.is_empty() { Ok(()) } else { Err(Error::Taken(taken)) }
}

fn new_organization(request: &CreateOrganizationRequest) -> Result<NewOrganization, Error> {
    let mut violations = Violations::new();
    let name = violations.check("name", Name::parse(&request.name));
    let slug = violations.check("slug", Slug::parse(&request.slug));
    let contact_email = violations.check("contact_email", Email::parse(&request.contact_email));
    violations.finish().map_err(Error::Invalid)?;
    match (name, slug, contact_email) {
        (Some(name), Some(slug), Some(contact_email)) => {
            Ok(NewOrganization { id: Uuid::now_v7(), name, slug, contact_email })
        }
        _ => Err(Error::Unexpected("a field is neither good nor bad")),
    }
}

fn edit(request: &UpdateOrganizationRequest) -> Result<Edit, Error> {
    let mut violations = Violations::new();
    let edit = Edit {
        name: (request.name.as_deref()).and_then(|text| violations.check("name", Name::parse(text))),
        slug: (request.slug.as_deref()).and_then(|text| violations.check("slug", Slug::parse(text))),
        contact_email: (request.contact_email.as_deref())
            .and_then(|text| violations.check("contact_email", Email::parse(text))),
        join_policy: (request.join_policy.as_deref())
            .and_then(|text| violations.check("join_policy", JoinPolicy::parse(text))),
    };
    violations.finish().map_err(Error::Invalid)?;
    Ok(edit)
}
