//! One use case each, all of one shape: authorize, find, judge the values, write, emit.
//!
//! An operation takes the request as it came: nothing of it may be judged before the caller's access is, or a stranger
//! learns from the kind of refusal what is there.

mod batches;
mod comments;
mod create_comment;
mod create_project;
mod create_task;
mod delete_project;
mod delete_task;
mod derive;
mod digest;
mod events;
mod ground;
mod happened;
mod history;
mod leavings;
mod notifications;
mod org_news;
mod preferences;
mod projects;
mod tasks;
mod tell;
mod topics;
mod update_project;
mod update_task;
mod values;
mod watch;

use std::sync::Arc;

use trellis_authn::{Access, Caller, Memberships, User};
use trellis_eventlog::{Connection, Log, LogError, NewEvent, Reader, Write};
use trellis_proto::org::v1::Role;
use uuid::Uuid;

pub use digest::Digest;
pub use leavings::{keep_removed, keep_swept};
pub use org_news::OrgNews;
pub use tell::Teller;

use crate::{domain::Kind, error::Error, people::People};

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Ops {
    log: Log,
    memberships: Arc<Memberships>,
    people: People,
}

/// A user whose access to an organization was checked.
struct Member<'a> {
    user: &'a User,
    access: Access,
}

impl Member<'_> {
    fn org_id(&self) -> Uuid {
        self.access.org_id
    }

    fn id(&self) -> Uuid {
        self.user.id
    }

    fn is_admin(&self) -> bool {
        self.access.role == Role::Admin
    }
}

impl Ops {
    pub fn new(log: Log, memberships: Arc<Memberships>, people: People) -> Self {
        Self { log, memberships, people }
    }

    /// The first step of everything that users do.
    async fn authorize<'a>(&self, caller: &'a Caller, org: &str) -> Result<Member<'a>, Error> {
        let user = caller.user().map_err(Error::Caller)?;
        let access = self.memberships.check(user, org).await?;
        Ok(Member { user, access })
    }

    /// For reading the rows of the member's organization, in a transaction that sees no others.
    async fn reader(&self, member: &Member<'_>) -> Result<Reader, Error> {
        Ok(self.log.reader(member.org_id()).await?)
    }

    /// For one statement that says itself whose rows it reads, and for tables that belong to no organization.
    async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.log.connection().await?)
    }

    /// Begins a write to a project of the member's organization, which can touch no rows of others.
    async fn write(&self, member: &Member<'_>, project: Uuid) -> Result<Write, LogError> {
        self.log.of(member.org_id()).begin(project).await
    }
}

/// An event by a user; `task` where it is about a task or its comments.
fn event(kind: Kind, member: &Member<'_>, task: Option<Uuid>, payload: Vec<u8>) -> NewEvent {
    NewEvent { kind: kind.as_str(), actor: Some(member.id()), subject: task, payload }
}

/// The number of the event that a write will have, as the tables keep it.
fn seq(write: &Write) -> i64 {
    i64::try_from(write.seq()).unwrap_or(i64::MAX)
}
