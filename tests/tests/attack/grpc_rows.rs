//! A row for every gRPC method, asked of the services themselves, past the gateway.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use crate::{
    grpc,
    matrix::{self, Needs, Row},
    world,
};

/// Who follows identity.
const ALL_BUT_IDENTITY: Needs = Needs::Process(&["gateway", "org", "project"]);
const GATEWAY: Needs = Needs::Process(&["gateway"]);
const IDENTITY: Needs = Needs::Process(&["identity"]);

fn row(name: &'static str, needs: Needs, message: Value) -> Row {
    let message = Arc::new(message);
    Row::new(name, needs, move |call| grpc::send(call, name, Arc::clone(&message)))
}

/// All rows of this surface.
pub fn rows() -> Vec<Row> {
    [
        identity(),
        organizations(),
        members(),
        between_processes(),
        projects(),
        tasks(),
        comments(),
        many(),
        watching(),
        notifications(),
        topics(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn identity() -> Vec<Row> {
    let row = |name: &str, needs, message| row(named("trellis.identity.v1.IdentityService", name), needs, message);
    let new = json!({"email": "{fresh}@example.test", "name": "New", "password": trellis_tests::PASSWORD});
    let login = json!({"email": "{admin_email}", "password": trellis_tests::PASSWORD});
    let change = json!({"current_password": trellis_tests::PASSWORD, "new_password": "another-quite-long-passphrase"});
    vec![
        row("Register", GATEWAY, new),
        row("Login", GATEWAY, login),
        row("Refresh", GATEWAY, json!({"refresh_token": "{refresh_token}"})),
        row("RenewToken", Needs::User, json!({})),
        row("GetSession", Needs::User, json!({})),
        row("Logout", Needs::User, json!({})),
        row("ListSessions", Needs::User, json!({})),
        row("RevokeSession", Needs::Own, json!({"id": "{session}"})),
        row("RevokeOtherSessions", Needs::User, json!({})),
        row("GetMe", Needs::User, json!({})),
        row("UpdateMe", Needs::User, json!({"name": "Renamed"})),
        row("ChangePassword", Needs::User, change),
        row("BatchGetUsers", ALL_BUT_IDENTITY, json!({"ids": ["{admin_id}"], "emails": ["{member_email}"]})),
        row("FollowSessions", ALL_BUT_IDENTITY, json!({})),
    ]
}

/// The full name, which lives as long as the test: it is made of two constants, once each.
fn named(service: &str, method: &str) -> &'static str {
    Box::leak(format!("{service}/{method}").into_boxed_str())
}

fn org_row(name: &str, needs: Needs, message: Value) -> Row {
    row(named("trellis.org.v1.OrgService", name), needs, message)
}

fn organizations() -> Vec<Row> {
    let new = json!({"name": "{fresh}", "slug": "{fresh}", "contact_email": "{fresh}@example.test"});
    vec![
        org_row("CreateOrganization", Needs::User, new).or_process(&["gateway"]),
        org_row("GetOrganization", Needs::Member, json!({"org": "{org}"})),
        org_row("ListOrganizations", Needs::User, json!({})).or_process(&["gateway"]),
        org_row("UpdateOrganization", Needs::Admin, json!({"org": "{org}", "name": "{fresh}", "join_policy": "OPEN"})),
        org_row("DeleteOrganization", Needs::Admin, json!({"org": "{org}"})),
        org_row("ListAudit", Needs::Admin, json!({"org": "{org}"})),
    ]
}

fn members() -> Vec<Row> {
    let invitation = json!({"org": "{org}", "email": "{fresh}@example.test"});
    vec![
        org_row("ListMembers", Needs::Member, json!({"org": "{org}"})),
        org_row("UpdateMember", Needs::Admin, json!({"org": "{org}", "user_id": "{user_id}", "role": "ADMIN"})),
        // Of somebody else: oneself one may remove.
        org_row("RemoveMember", Needs::Admin, json!({"org": "{org}", "user_id": "{other_member_id}"})),
        org_row("CreateInvitation", Needs::Admin, invitation),
        org_row("ListInvitations", Needs::Admin, json!({"org": "{org}"})),
        org_row("RevokeInvitation", Needs::Admin, json!({"org": "{org}", "id": "{invitation}"})),
        org_row("AcceptInvitation", Needs::Invitee, json!({"token": "{invitation_token}"})),
    ]
}

fn between_processes() -> Vec<Row> {
    let join =
        json!({"user_id": "{stranger_id}", "email": "{invitee_email}", "invitation_token": "{invitation_token}"});
    let among = json!({"org_id": "{org_id}", "user_ids": ["{user_id}"]});
    vec![
        org_row("CheckAccess", Needs::Member, json!({"org": "{org}"})),
        org_row("CheckMembers", Needs::Member, among).or_process(&["project"]),
        org_row("Join", IDENTITY, join),
        org_row("HasMembership", IDENTITY, json!({"user_id": "{user_id}"})),
        org_row("FollowMemberships", Needs::Process(&["gateway", "project"]), json!({})),
    ]
}

fn project_row(name: &str, needs: Needs, message: Value) -> Row {
    let mut message = message;
    // What one does for oneself is done in no organization.
    if !matches!(needs, Needs::Process(_) | Needs::User | Needs::Own) {
        message["org"] = "{org}".into();
    }
    row(named("trellis.project.v1.ProjectService", name), needs, message)
}

fn projects() -> Vec<Row> {
    vec![
        project_row("CreateProject", Needs::Member, json!({"name": "{fresh}"})),
        project_row("GetProject", Needs::Member, json!({"project": "{project}"})),
        project_row("ListProjects", Needs::Member, json!({})),
        project_row("UpdateProject", Needs::Member, json!({"project": "{project_slug}", "name": "Renamed"})),
        project_row("DeleteProject", Needs::Admin, json!({"project": "{project}"})),
    ]
}

fn tasks() -> Vec<Row> {
    vec![
        project_row("CreateTask", Needs::Member, json!({"project": "{project}", "title": "Another"})),
        project_row("GetTask", Needs::Member, json!({"task_id": "{task_id}"})),
        project_row("ListTasks", Needs::Member, json!({"project": "{project}"})),
        project_row("UpdateTask", Needs::Member, json!({"task_id": "{task_id}", "title": "Renamed"})),
        project_row("DeleteTask", Needs::Member, json!({"task_id": "{task_id}"})),
        project_row("ListActivity", Needs::Member, json!({"task_id": "{task_id}"})),
    ]
}

fn comments() -> Vec<Row> {
    vec![
        project_row("CreateComment", Needs::Member, json!({"task_id": "{task_id}", "content": "Another"})),
        project_row("ListComments", Needs::Member, json!({"task_id": "{task_id}"})),
        project_row("UpdateComment", Needs::Author, json!({"id": "{comment}", "content": "Changed"})),
        project_row("DeleteComment", Needs::Author, json!({"id": "{comment}"})),
    ]
}

fn many() -> Vec<Row> {
    vec![
        project_row("BatchGetProjects", Needs::Member, json!({"ids": ["{project_id}"]})),
        project_row("BatchGetTasks", Needs::Member, json!({"task_ids": ["{task_id}"]})),
        project_row("BatchGetWatches", Needs::Member, json!({"ids": ["{task_uuid}"]})),
        project_row("ListTasksOfProjects", Needs::Member, json!({"project_ids": ["{project_id}"]})),
        project_row("ListCommentsOfTasks", Needs::Member, json!({"ids": ["{task_uuid}"]})),
        project_row("ListActivityOfTasks", Needs::Member, json!({"ids": ["{task_uuid}"]})),
    ]
}

fn watching() -> Vec<Row> {
    ["WatchTask", "UnwatchTask", "GetWatch"]
        .map(|name| project_row(name, Needs::Member, json!({"task_id": "{task_id}"})))
        .into()
}

fn notifications() -> Vec<Row> {
    vec![
        project_row("ListNotifications", Needs::User, json!({})),
        project_row("ReadNotification", Needs::Own, json!({"id": "{notification}"})),
        project_row("ReadAllNotifications", Needs::User, json!({})),
        project_row("GetNotificationPreferences", Needs::User, json!({})),
        project_row("UpdateNotificationPreferences", Needs::User, json!({"commented": false})),
    ]
}

fn topics() -> Vec<Row> {
    let open = named("trellis.project.v1.ProjectService", "OpenTopic");
    let notifications = Arc::new(json!({"notifications": true}));
    vec![
        Row::new(format!("{open} of notifications"), Needs::User, move |call| {
            grpc::send(call, open, Arc::clone(&notifications))
        }),
        project_row("OpenTopic", Needs::Member, json!({"task_id": "{task_id}"})),
        project_row("ReadEvents", GATEWAY, json!({"scope": "{project_id}", "limit": 10})),
        project_row("ReadHeads", GATEWAY, json!({"scopes": ["{project_id}"]})),
    ]
}

#[test]
fn every_method_has_a_row() {
    let there: BTreeSet<String> = grpc::methods().into_iter().collect();
    let rows: Vec<String> = rows().into_iter().map(|row| row.name).collect();
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "two rows are alike");
    let attacked: BTreeSet<String> = rows.iter().map(|row| grpc::method_of(row).to_owned()).collect();
    let missing: Vec<_> = there.difference(&attacked).collect();
    assert!(missing.is_empty(), "methods without a row, add them to grpc_rows.rs: {missing:#?}");
    let gone: Vec<_> = attacked.difference(&there).collect();
    assert!(gone.is_empty(), "rows of methods that are no more: {gone:#?}");
}

#[test]
fn no_method_opens_to_who_may_not() {
    world::run(|world| async move {
        let tried = matrix::run(&world, &rows()).await;
        println!("gRPC: {tried:?}");
    });
}
