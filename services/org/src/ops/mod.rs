//! One use case each: authorize, check what is asked, write, and say what happened. Every operation takes who calls
//! first. Memberships and organizations are written behind the lock of their one scope, where what was checked stays
//! true until the commit; rights are checked before it, and there again.

mod access;
mod audit;
mod invitations;
mod join;
mod members;
mod organizations;
mod sweep;

use prost::Message as _;
use trellis_authn::Caller;
use trellis_eventlog::{Log, NewEvent, Write};
use trellis_proto::{
    org::v1::{MembershipChange, membership_change::Kind},
    subject,
};
use uuid::Uuid;

use crate::{
    domain::{Actor, BadPage, Cursor, InvitationKey, Listed, PageRequest, Role, Window, is_slug},
    error::Error,
    people::People,
    store::{self, access::Access},
    wire,
};

/// The operations, with what they work on.
pub struct Ops {
    log: Log,
    people: People,
    invitations: InvitationKey,
    /// Whether who is not signed in may make organizations.
    signed_out_organizations: bool,
}

impl Ops {
    pub fn new(log: Log, people: People, invitations: InvitationKey, signed_out_organizations: bool) -> Self {
        Self { log, people, invitations, signed_out_organizations }
    }

    /// What the caller may do in the organization of a path; `OrganizationNotFound` where nothing.
    async fn member(&self, caller: &Caller, org: &str) -> Result<(Uuid, Access), Error> {
        let user = caller.user()?.id;
        let org = path(org)?;
        let access = store::access::by_slug(&mut *self.log.connection().await?, org, user).await?;
        Ok((user, access.ok_or(Error::OrganizationNotFound)?))
    }

    /// The same for what only an ADMIN may do.
    async fn admin(&self, caller: &Caller, org: &str) -> Result<(Uuid, Uuid), Error> {
        let (user, access) = self.member(caller, org).await?;
        require_admin(access.role)?;
        Ok((user, access.org_id))
    }

    /// Begins a change of memberships or organizations. Until it is committed there is no other.
    async fn begin(&self) -> Result<Write, Error> {
        Ok(self.log.begin(subject::MEMBERSHIPS).await?)
    }
}

/// Who is to be noted as having done what is asked.
fn actor(caller: &Caller) -> Actor {
    match caller {
        Caller::User(user) => Actor { user: Some(user.id), address: user.address },
        // On behalf of somebody who is not signed in.
        Caller::Service(_) => Actor { user: None, address: None },
    }
}

fn identity(status: tonic::Status) -> Error {
    Error::Identity(Box::new(status))
}

/// The slug of a path, matched as it is.
fn path(org: &str) -> Result<&str, Error> {
    if is_slug(org) { Ok(org) } else { Err(Error::OrganizationNotFound) }
}

fn require_admin(role: Role) -> Result<(), Error> {
    match role {
        Role::Admin => Ok(()),
        Role::Member => Err(Error::Forbidden),
    }
}

/// Once more, behind the lock: rights may have been taken since they were checked.
async fn still_admin(write: &mut Write, org_id: Uuid, user: Uuid) -> Result<(), Error> {
    let role = store::access::by_id(write.conn(), org_id, user).await?;
    require_admin(role.ok_or(Error::OrganizationNotFound)?)
}

fn window(page: &PageRequest) -> Result<Window, Error> {
    page.window().map_err(bad_page)
}

fn bad_page(bad: BadPage) -> Error {
    match bad {
        BadPage::Parameter(name) => Error::BadParameter(name),
        BadPage::TooLong => Error::ListTooLong,
    }
}

/// What happened, as followers and the log hear it.
struct Happened {
    what: What,
    org_id: Uuid,
    user: Option<Uuid>,
    role: Option<Role>,
    /// Who did it; `None` where nobody was signed in, or this service did.
    actor: Option<Uuid>,
    /// Who did it to the user, where that was somebody else: followers tell the user.
    by: Option<Uuid>,
}

#[derive(Clone, Copy)]
enum What {
    Joined,
    RoleChanged,
    Removed,
    /// Without a member: with one it is that member's joining.
    Created,
    Updated,
    Deleted,
}

impl Happened {
    async fn commit(self, write: Write) -> Result<(), Error> {
        let payload = MembershipChange {
            kind: self.what.kind().into(),
            org_id: self.org_id.to_string(),
            user_id: self.user.map(|user| user.to_string()).unwrap_or_default(),
            role: self.role.map_or(0, |role| wire::role(role).into()),
            seq: write.seq(),
            actor_id: self.by.filter(|by| Some(*by) != self.user).map(|by| by.to_string()).unwrap_or_default(),
        };
        let event = NewEvent {
            kind: self.what.word(),
            actor: self.actor,
            subject: Some(self.org_id),
            payload: payload.encode_to_vec(),
        };
        write.commit(event).await?;
        Ok(())
    }
}

impl What {
    /// For those who follow.
    fn kind(self) -> Kind {
        match self {
            Self::Joined => Kind::Joined,
            Self::RoleChanged => Kind::RoleChanged,
            Self::Removed => Kind::Removed,
            // Nothing that was known is out of date; they need the number alone.
            Self::Created | Self::Updated => Kind::OrganizationChanged,
            Self::Deleted => Kind::OrganizationDeleted,
        }
    }

    /// In the log.
    fn word(self) -> &'static str {
        match self {
            Self::Joined => "member.joined",
            Self::RoleChanged => "member.role_changed",
            Self::Removed => "member.removed",
            Self::Created => "organization.created",
            Self::Updated => "organization.updated",
            Self::Deleted => "organization.deleted",
        }
    }
}

/// A page of rows as the list's answer.
type Page<T> = Result<Listed<T>, Error>;

fn listed<T>(window: Window, found: Vec<T>, place: impl Fn(&T) -> Cursor) -> Page<T> {
    window.page(found, place).map_err(bad_page)
}
