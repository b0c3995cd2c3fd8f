//! Every field below the roots: the way to each type, and who may go it.
//!
//! The rows are made from the schema: a field that is new gets its row by itself, and so is attacked. What cannot be
//! made by itself is red here: a type that no way leads to, a required argument, a field for ADMINs.

use crate::matrix::Needs::{self, Admin, Member, User};

/// A type, who may see it, and the selection that leads to it, in which `#` stands for what is asked of it. Variables:
/// `$org`, `$project` (its slug), `$task`.
pub const WAYS: &[(&str, Needs, &str)] = &[
    ("User", User, "me { # }"),
    ("User", Member, "organizationMembers(orgSlug: $org) { user { # } }"),
    ("Session", User, "me { sessions { # } }"),
    ("Notification", User, "me { notifications { nodes { # } } }"),
    ("NotificationConnection", User, "me { notifications { # } }"),
    ("NotificationEdge", User, "me { notifications { edges { # } } }"),
    ("NotificationOrganization", User, "me { notifications { nodes { organization { # } } } }"),
    ("NotificationTask", User, "me { notifications { nodes { task { # } } } }"),
    ("NotificationPreferences", User, "me { notificationPreferences { # } }"),
    ("Organization", Member, "organization(slug: $org) { # }"),
    ("Organization", Member, "task(orgSlug: $org, taskId: $task) { project { organization { # } } }"),
    ("OrganizationMember", Member, "organizationMembers(orgSlug: $org) { # }"),
    ("OrganizationMemberConnection", Member, "organization(slug: $org) { members { # } }"),
    ("OrganizationMemberEdge", Member, "organization(slug: $org) { members { edges { # } } }"),
    ("Invitation", Admin, "organization(slug: $org) { invitations { nodes { # } } }"),
    ("InvitationConnection", Admin, "organization(slug: $org) { invitations { # } }"),
    ("InvitationEdge", Admin, "organization(slug: $org) { invitations { edges { # } } }"),
    ("AuditEntry", Admin, "organization(slug: $org) { audit { nodes { # } } }"),
    ("AuditConnection", Admin, "organization(slug: $org) { audit { # } }"),
    ("AuditEdge", Admin, "organization(slug: $org) { audit { edges { # } } }"),
    ("Project", Member, "project(orgSlug: $org, projectSlug: $project) { # }"),
    ("Project", Member, "projects(orgSlug: $org) { # }"),
    ("ProjectConnection", Member, "organization(slug: $org) { projects { # } }"),
    ("ProjectEdge", Member, "organization(slug: $org) { projects { edges { # } } }"),
    ("Task", Member, "task(orgSlug: $org, taskId: $task) { # }"),
    ("Task", Member, "tasks(orgSlug: $org, projectSlug: $project) { # }"),
    ("TaskConnection", Member, "organization(slug: $org) { tasks { # } }"),
    ("TaskEdge", Member, "organization(slug: $org) { tasks { edges { # } } }"),
    ("TaskComment", Member, "taskComments(orgSlug: $org, taskId: $task) { # }"),
    ("TaskCommentConnection", Member, "task(orgSlug: $org, taskId: $task) { comments { # } }"),
    ("TaskCommentEdge", Member, "task(orgSlug: $org, taskId: $task) { comments { edges { # } } }"),
    ("Activity", Member, "task(orgSlug: $org, taskId: $task) { activity { nodes { # } } }"),
    ("ActivityConnection", Member, "task(orgSlug: $org, taskId: $task) { activity { # } }"),
    ("ActivityEdge", Member, "task(orgSlug: $org, taskId: $task) { activity { edges { # } } }"),
    ("FieldChange", Member, "task(orgSlug: $org, taskId: $task) { activity { nodes { changes { # } } } }"),
    ("PageInfo", Member, "organization(slug: $org) { projects { pageInfo { # } } }"),
];

/// Whether objects of this type are but parts of another one, and all of it is asked at once.
pub fn is_part(of: &str) -> bool {
    let parts = ["FieldChange", "NotificationOrganization", "NotificationTask", "PageInfo"];
    of.ends_with("Connection") || of.ends_with("Edge") || parts.contains(&of)
}

/// Types of which all is asked wherever a root field gives them.
pub const WHOLE: &[&str] = &[
    "NotificationEvent",
    "ObtainJSONWebToken",
    "ProjectEvent",
    "Refresh",
    "TaskCommentEvent",
    "Tokens",
    "UserError",
    "Verify",
];

/// Fields for ADMINs, where the way to their object is open to every member.
pub const FOR_ADMINS: &[(&str, &str)] = &[("Organization", "audit"), ("Organization", "invitations")];

/// What fields must be given.
pub const ARGUMENTS: &[(&str, &str, &str)] =
    &[("Organization", "project", "slug: $project"), ("Organization", "task", "taskId: $task")];
