//! Every operation of the OpenAPI document: who may do it, and the body that it is asked with. What stands in braces is
//! filled in with the names of the row's victim.

use crate::matrix::Needs::{self, Admin, Author, Invitee, Member, Nobody, Own, User};

/// Method and path as the document has them, who may, and the body (none where empty).
pub type Operation = (&'static str, Needs, &'static str);

const SIGNING_IN: &str = "it is how one gets a token";
const DOCUMENTATION: &str = "it tells of the interface, and of nobody's data";
const PROBE: &str = "it tells whether the process serves, and of nobody's data";

pub const OPERATIONS: &[Operation] = &[
    ("GET /.well-known/jwks.json", Nobody("public keys, which everyone may verify tokens with"), ""),
    ("GET /healthz", Nobody(PROBE), ""),
    ("GET /readyz", Nobody(PROBE), ""),
    ("GET /docs", Nobody(DOCUMENTATION), ""),
    ("GET /docs/{file}", Nobody(DOCUMENTATION), ""),
    ("GET /api/v1/openapi.json", Nobody(DOCUMENTATION), ""),
    (
        "POST /api/v1/auth/register",
        Nobody(SIGNING_IN),
        r#"{"email": "{fresh}@example.test", "name": "Someone", "password": "{password}"}"#,
    ),
    ("POST /api/v1/auth/login", Nobody(SIGNING_IN), r#"{"email": "{admin_email}", "password": "{password}"}"#),
    ("POST /api/v1/auth/refresh", Nobody(SIGNING_IN), r#"{"refresh_token": "{refresh_token}"}"#),
    ("POST /api/v1/auth/logout", User, ""),
    ("GET /api/v1/me", User, ""),
    ("PATCH /api/v1/me", User, r#"{"name": "Changed"}"#),
    ("POST /api/v1/me/password", User, r#"{"current_password": "{password}", "new_password": "another-{fresh}"}"#),
    ("GET /api/v1/me/organizations", User, ""),
    ("GET /api/v1/me/sessions", User, ""),
    ("DELETE /api/v1/me/sessions", User, ""),
    ("DELETE /api/v1/me/sessions/{id}", Own, ""),
    ("GET /api/v1/me/notifications", User, ""),
    ("POST /api/v1/me/notifications/{id}/read", Own, ""),
    ("POST /api/v1/me/notifications/read-all", User, ""),
    ("GET /api/v1/me/notification-preferences", User, ""),
    ("PATCH /api/v1/me/notification-preferences", User, r#"{"commented": false}"#),
    ("POST /api/v1/invitations/accept", Invitee, r#"{"token": "{invitation_token}"}"#),
    ("GET /api/v1/organizations", Nobody("the directory of the organizations that anyone may join"), ""),
    (
        "POST /api/v1/organizations",
        User,
        r#"{"name": "{fresh}", "slug": "{fresh}", "contact_email": "{fresh}@example.test"}"#,
    ),
    ("GET /api/v1/organizations/{org}", Member, ""),
    ("PATCH /api/v1/organizations/{org}", Admin, r#"{"name": "{fresh}", "join_policy": "OPEN"}"#),
    ("DELETE /api/v1/organizations/{org}", Admin, ""),
    ("GET /api/v1/organizations/{org}/members", Member, ""),
    ("PATCH /api/v1/organizations/{org}/members/{user_id}", Admin, r#"{"role": "ADMIN"}"#),
    ("DELETE /api/v1/organizations/{org}/members/{user_id}", Admin, ""),
    ("GET /api/v1/organizations/{org}/invitations", Admin, ""),
    ("POST /api/v1/organizations/{org}/invitations", Admin, r#"{"email": "{fresh}@example.test", "role": "ADMIN"}"#),
    ("DELETE /api/v1/organizations/{org}/invitations/{id}", Admin, ""),
    ("GET /api/v1/organizations/{org}/audit", Admin, ""),
    ("GET /api/v1/organizations/{org}/projects", Member, ""),
    ("POST /api/v1/organizations/{org}/projects", Member, r#"{"name": "Another", "slug": "{fresh}"}"#),
    ("GET /api/v1/organizations/{org}/projects/{project}", Member, ""),
    ("PATCH /api/v1/organizations/{org}/projects/{project}", Member, r#"{"name": "Changed", "status": "ON_HOLD"}"#),
    ("DELETE /api/v1/organizations/{org}/projects/{project}", Admin, ""),
    ("GET /api/v1/organizations/{org}/projects/{project}/tasks", Member, ""),
    (
        "POST /api/v1/organizations/{org}/projects/{project}/tasks",
        Member,
        r#"{"title": "Another", "assignee_id": "{user_id}"}"#,
    ),
    ("GET /api/v1/organizations/{org}/tasks", Member, ""),
    ("GET /api/v1/organizations/{org}/tasks/{task_id}", Member, ""),
    (
        "PATCH /api/v1/organizations/{org}/tasks/{task_id}",
        Member,
        r#"{"title": "Changed", "status": "DONE", "assignee_id": "{user_id}"}"#,
    ),
    ("DELETE /api/v1/organizations/{org}/tasks/{task_id}", Member, ""),
    ("GET /api/v1/organizations/{org}/tasks/{task_id}/comments", Member, ""),
    ("POST /api/v1/organizations/{org}/tasks/{task_id}/comments", Member, r#"{"content": "Hello"}"#),
    ("GET /api/v1/organizations/{org}/tasks/{task_id}/activity", Member, ""),
    ("GET /api/v1/organizations/{org}/tasks/{task_id}/watch", Member, ""),
    ("PUT /api/v1/organizations/{org}/tasks/{task_id}/watch", Member, ""),
    ("DELETE /api/v1/organizations/{org}/tasks/{task_id}/watch", Member, ""),
    ("PATCH /api/v1/organizations/{org}/comments/{id}", Author, r#"{"content": "Changed"}"#),
    ("DELETE /api/v1/organizations/{org}/comments/{id}", Author, ""),
];
