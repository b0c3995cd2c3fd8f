//! Projects: values, changes, versions, lists, deletion.

use trellis_proto::project::v1::{
    CreateProjectRequest, DeleteProjectRequest, GetProjectRequest, ListProjectsRequest, Nullable, Page, Project,
    UpdateProjectRequest,
};
use trellis_rpc::Code;

use crate::harness::{Harness, Refused};

pub fn new(name: &str) -> CreateProjectRequest {
    CreateProjectRequest { org: "acme".into(), name: name.into(), ..Default::default() }
}

fn patch(project: &str) -> UpdateProjectRequest {
    UpdateProjectRequest { org: "acme".into(), project: project.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_told_at_once() {
    let it = Harness::start().await;
    let bad = CreateProjectRequest {
        name: "x".repeat(201),
        slug: Some("No Slug".into()),
        key: Some("toolower".into()),
        description: "d".repeat(20_001),
        status: Some("active".into()),
        due_date: Some("2026-02-30".into()),
        ..new("")
    };
    let (code, fields) = it.client().create_project(it.ada.ask(bad)).await.blames();
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(
        fields,
        ["name:too_long", "slug:invalid", "key:invalid", "description:too_long", "status:invalid", "due_date:invalid"]
    );
    let nul = it.client().create_project(it.ada.ask(new("a\0b"))).await.blames();
    assert_eq!(nul.1, ["name:invalid"]);
    let blank = it.client().create_project(it.ada.ask(new(" \u{a0} "))).await.blames();
    assert_eq!(blank.1, ["name:blank"]);

    it.project("Web").await;
    let bad = UpdateProjectRequest {
        name: Some(" ".into()),
        slug: Some(String::new()),
        description: Some("\0".into()),
        status: Some(String::new()),
        due_date: Some(Nullable { value: Some("soon".into()) }),
        ..patch("web")
    };
    let (code, fields) = it.client().update_project(it.ada.ask(bad)).await.blames();
    assert_eq!(code, Code::ValidationFailed);
    assert_eq!(fields, ["name:blank", "slug:invalid", "description:invalid", "status:invalid", "due_date:invalid"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_touches_what_was_sent_and_nothing_else() {
    let it = Harness::start().await;
    let before = it.project("Web").await;
    it.project("Taken").await;
    let due = Nullable { value: Some("2026-05-01".into()) };
    let change = UpdateProjectRequest {
        slug: Some("site".into()),
        due_date: Some(due.clone()),
        expected_version: Some(1),
        ..patch("WEB")
    };
    let answer = it.client().update_project(it.bob.ask(change.clone())).await.unwrap().into_inner();
    let after = answer.project.unwrap();
    assert_eq!(
        after,
        Project {
            slug: "site".into(),
            due_date: "2026-05-01".into(),
            version: 2,
            updated_at: after.updated_at,
            ..before.clone()
        }
    );
    it.assert_at_head(answer.position, &before.id).await;

    // The old slug leads nowhere, the key still does.
    let stale = UpdateProjectRequest { project: "web".into(), ..change.clone() };
    assert_eq!(it.client().update_project(it.bob.ask(stale)).await.code(), Code::NotFound);
    let stale = it.client().update_project(it.bob.ask(change.clone())).await.problem();
    assert_eq!((stale.code, stale.resource.as_str()), (Code::VersionMismatch, "project"));

    // The same again is no change: no event, no version.
    let same = UpdateProjectRequest { expected_version: Some(2), ..change };
    for request in [same, patch("site")] {
        let answer = it.client().update_project(it.bob.ask(request)).await.unwrap().into_inner();
        assert_eq!(answer.project.unwrap(), after);
        it.assert_at_head(answer.position, &before.id).await;
    }
    assert_eq!(it.events(&before.id).await.len(), 2);

    let taken = UpdateProjectRequest { slug: Some("taken".into()), name: Some("New".into()), ..patch("site") };
    let refused = it.client().update_project(it.bob.ask(taken)).await.blames();
    assert_eq!(refused, (Code::AlreadyExists, vec!["slug:already_exists".to_owned()]));
    let set = UpdateProjectRequest { due_date: Some(due), ..patch("site") };
    it.client().update_project(it.bob.ask(set)).await.unwrap();
    let due_date = |value| UpdateProjectRequest { due_date: Some(Nullable { value }), ..patch("site") };
    let refused = it.client().update_project(it.bob.ask(due_date(Some(String::new())))).await.blames();
    assert_eq!(refused, (Code::ValidationFailed, vec!["due_date:invalid".to_owned()]));
    let cleared = it.client().update_project(it.bob.ask(due_date(None))).await.unwrap().into_inner().project.unwrap();
    assert_eq!((cleared.due_date.as_str(), cleared.name.as_str()), ("", "Web"));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_by_creation_and_stay_right() {
    let it = Harness::start().await;
    for number in 0..7 {
        it.project(&format!("P {number}")).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = Some(Page { limit: 3, cursor, ..Page::default() });
        let request = ListProjectsRequest { org: "acme".into(), page };
        let answer = it.client().list_projects(it.bob.ask(request)).await.unwrap().into_inner();
        seen.extend(answer.projects.into_iter().map(|project| project.name));
        if seen.len() == 3 {
            it.project("P 7").await;
            let delete = DeleteProjectRequest { org: "acme".into(), project: "p-1".into(), ..Default::default() };
            it.client().delete_project(it.ada.ask(delete)).await.unwrap();
        }
        cursor = answer.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, (0..8).map(|number| format!("P {number}")).collect::<Vec<_>>());
    for (limit, cursor, field) in [(101, "", "limit:invalid"), (1, "x", "cursor:invalid")] {
        let page = Some(Page { limit, cursor: cursor.into(), ..Page::default() });
        let request = ListProjectsRequest { org: "acme".into(), page };
        let refused = it.client().list_projects(it.bob.ask(request)).await.blames();
        assert_eq!(refused, (Code::InvalidRequest, vec![field.to_owned()]));
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_delete_and_all_goes_with_it() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    it.task("web", "One").await;
    it.comment("WEB-1", "Hello").await;
    let delete = DeleteProjectRequest { org: "acme".into(), project: "web".into(), expected_version: Some(9) };
    let refused = it.client().delete_project(it.bob.ask(delete.clone())).await.problem();
    assert_eq!(
        (refused.code, refused.detail.as_str()),
        (Code::Forbidden, "You do not have permission to perform this action")
    );
    assert_eq!(it.client().delete_project(it.ada.ask(delete.clone())).await.code(), Code::VersionMismatch);
    let delete = DeleteProjectRequest { expected_version: Some(1), ..delete };
    let answer = it.client().delete_project(it.ada.ask(delete.clone())).await.unwrap().into_inner();
    it.assert_at_head(answer.position, &project.id).await;
    assert_eq!(it.client().delete_project(it.ada.ask(delete)).await.code(), Code::NotFound);
    let get = GetProjectRequest { org: "acme".into(), project: "web".into() };
    assert_eq!(it.client().get_project(it.ada.ask(get)).await.problem().resource, "project");
    for sql in ["SELECT count(*) FROM tasks", "SELECT count(*) FROM comments", "SELECT count(*) FROM activity"] {
        assert_eq!(it.count(sql).await, 0, "{sql}");
    }
    // Its names are free again, and its events are not those of the next one.
    let again = it.project("Web").await;
    assert_eq!((again.slug.as_str(), again.key.as_str()), ("web", "WEB"));
    assert_eq!(it.task("web", "First").await.task_id, "WEB-1");
    assert_eq!(it.events(&again.id).await.len(), 2);
    it.end().await;
}
