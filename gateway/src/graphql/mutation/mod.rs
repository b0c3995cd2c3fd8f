//! The root fields that write, by resource. Each decodes, calls the service that REST calls, and encodes: whatever goes
//! wrong stands in its payload.

mod comments;
mod input;
mod invitations;
mod me;
mod members;
mod my_sessions;
mod notifications;
mod organizations;
mod projects;
mod sessions;
mod tasks;
mod tokens;

use async_graphql::MergedObject;

use comments::CommentMutations;
use invitations::InvitationMutations;
use me::MeMutations;
use members::MemberMutations;
use my_sessions::MySessionMutations;
use notifications::NotificationMutations;
use organizations::OrganizationMutations;
use projects::ProjectMutations;
use sessions::SessionMutations;
use tasks::TaskMutations;
use tokens::TokenMutations;

#[derive(Default, MergedObject)]
pub struct Mutation(
    OrganizationMutations,
    SessionMutations,
    ProjectMutations,
    TaskMutations,
    CommentMutations,
    TokenMutations,
    MeMutations,
    MySessionMutations,
    MemberMutations,
    InvitationMutations,
    NotificationMutations,
);
