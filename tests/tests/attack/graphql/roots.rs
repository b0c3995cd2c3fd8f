//! Every root field of the schema: who may ask for it, and with what. What stands in braces is filled in with the names
//! of the row's victim; the document is written by the schema.

use crate::matrix::Needs::{self, Admin, Author, Invitee, Member, Nobody, Own, User};

/// The kind of the operation, the field, who may, and the variables, which are the field's arguments.
pub type Root = (&'static str, &'static str, Needs, &'static str);

const SIGNING_IN: &str = "it is how one gets a token";
const HOLDER: &str = "the argument is the token";

pub const ROOTS: &[Root] = &[
    ("query", "organizations", Nobody("the directory of the organizations that anyone may join"), "{}"),
    ("query", "me", User, "{}"),
    ("query", "myOrganizations", User, "{}"),
    ("query", "organization", Member, r#"{"slug": "{org}"}"#),
    ("query", "organizationMembers", Member, r#"{"orgSlug": "{org}"}"#),
    ("query", "projects", Member, r#"{"orgSlug": "{org}"}"#),
    ("query", "project", Member, r#"{"orgSlug": "{org}", "projectSlug": "{project_slug}"}"#),
    ("query", "tasks", Member, r#"{"orgSlug": "{org}", "projectSlug": "{project_slug}"}"#),
    ("query", "task", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    ("query", "taskComments", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    (
        "mutation",
        "createOrganization",
        Nobody("the first who registers with it becomes its ADMIN, and without one it is swept away"),
        r#"{"input": {"name": "{fresh}", "slug": "{fresh}", "contactEmail": "{fresh}@example.test"}}"#,
    ),
    (
        "mutation",
        "updateOrganization",
        Admin,
        r#"{"orgSlug": "{org}", "input": {"name": "{fresh}", "joinPolicy": "OPEN"}}"#,
    ),
    ("mutation", "deleteOrganization", Admin, r#"{"orgSlug": "{org}"}"#),
    (
        "mutation",
        "registerUser",
        Nobody(SIGNING_IN),
        r#"{"input": {"email": "{fresh}@example.test", "name": "Someone", "password": "{password}", "organizationSlug": "{open_org}"}}"#,
    ),
    ("mutation", "loginUser", Nobody(SIGNING_IN), r#"{"input": {"email": "{admin_email}", "password": "{password}"}}"#),
    (
        "mutation",
        "register",
        Nobody(SIGNING_IN),
        r#"{"input": {"email": "{fresh}@example.test", "name": "Someone", "password": "{password}"}}"#,
    ),
    ("mutation", "login", Nobody(SIGNING_IN), r#"{"input": {"email": "{admin_email}", "password": "{password}"}}"#),
    ("mutation", "tokenAuth", Nobody(SIGNING_IN), r#"{"email": "{admin_email}", "password": "{password}"}"#),
    ("mutation", "refresh", Nobody(SIGNING_IN), r#"{"refreshToken": "{refresh_token}"}"#),
    ("mutation", "refreshToken", User, "{}"),
    ("mutation", "refreshToken", Nobody(HOLDER), r#"{"token": "{access_token}"}"#),
    ("mutation", "verifyToken", User, "{}"),
    ("mutation", "verifyToken", Nobody(HOLDER), r#"{"token": "{access_token}"}"#),
    ("mutation", "logout", User, "{}"),
    ("mutation", "updateMe", User, r#"{"input": {"name": "Changed"}}"#),
    (
        "mutation",
        "changePassword",
        User,
        r#"{"input": {"currentPassword": "{password}", "newPassword": "another-{fresh}"}}"#,
    ),
    ("mutation", "revokeSession", Own, r#"{"id": "{session}"}"#),
    ("mutation", "revokeOtherSessions", User, "{}"),
    ("mutation", "acceptInvitation", Invitee, r#"{"token": "{invitation_token}"}"#),
    ("mutation", "updateMember", Admin, r#"{"orgSlug": "{org}", "userId": "{user_id}", "role": "ADMIN"}"#),
    // Somebody else: oneself one may remove.
    ("mutation", "removeMember", Admin, r#"{"orgSlug": "{org}", "userId": "{other_member_id}"}"#),
    (
        "mutation",
        "createInvitation",
        Admin,
        r#"{"orgSlug": "{org}", "email": "{fresh}@example.test", "role": "ADMIN"}"#,
    ),
    ("mutation", "revokeInvitation", Admin, r#"{"orgSlug": "{org}", "id": "{invitation}"}"#),
    (
        "mutation",
        "createProject",
        Member,
        r#"{"input": {"organizationSlug": "{org}", "name": "Another", "slug": "{fresh}"}}"#,
    ),
    (
        "mutation",
        "updateProject",
        Member,
        r#"{"organizationSlug": "{org}", "projectSlug": "{project_slug}", "input": {"name": "Changed", "status": "ON_HOLD"}}"#,
    ),
    ("mutation", "deleteProject", Admin, r#"{"organizationSlug": "{org}", "projectSlug": "{project_slug}"}"#),
    (
        "mutation",
        "createTask",
        Member,
        r#"{"input": {"organizationSlug": "{org}", "projectSlug": "{project_slug}", "title": "Another", "assigneeId": "{user_id}"}}"#,
    ),
    (
        "mutation",
        "updateTask",
        Member,
        r#"{"orgSlug": "{org}", "taskId": "{task_id}", "input": {"title": "Changed", "status": "DONE", "assigneeId": "{user_id}"}}"#,
    ),
    ("mutation", "deleteTask", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    ("mutation", "createTaskComment", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}", "content": "Hello"}"#),
    ("mutation", "updateTaskComment", Author, r#"{"orgSlug": "{org}", "id": "{comment}", "content": "Changed"}"#),
    ("mutation", "deleteTaskComment", Author, r#"{"orgSlug": "{org}", "id": "{comment}"}"#),
    ("mutation", "readNotification", Own, r#"{"id": "{notification}"}"#),
    ("mutation", "readAllNotifications", User, "{}"),
    ("mutation", "updateNotificationPreferences", User, r#"{"input": {"commented": false}}"#),
    ("mutation", "watchTask", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    ("mutation", "unwatchTask", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    ("subscription", "notifications", User, "{}"),
    ("subscription", "taskComments", Member, r#"{"orgSlug": "{org}", "taskId": "{task_id}"}"#),
    ("subscription", "projectEvents", Member, r#"{"orgSlug": "{org}", "projectSlug": "{project_slug}"}"#),
];
