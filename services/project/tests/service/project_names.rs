//! Slugs and keys of projects: derived, chosen, taken, and found by.

use trellis_proto::project::v1::{CreateProjectRequest, GetProjectRequest, Project, ProjectStatus};
use trellis_rpc::Code;

use crate::{
    harness::{Harness, Refused},
    projects::new,
};

fn names(projects: &[Project]) -> Vec<(&str, &str)> {
    projects.iter().map(|project| (project.slug.as_str(), project.key.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn slugs_and_keys_are_derived_and_made_unique() {
    let it = Harness::start().await;
    let mut made = Vec::new();
    for name in [
        "Web Shop",
        "Web Shop",
        "web-shop",
        "2026 Plan",
        "Проект",
        "日本語",
        "Website Relaunch X",
        "Website Relaunch Y",
    ] {
        made.push(it.project(name).await);
    }
    assert_eq!(
        names(&made),
        [
            ("web-shop", "WEBSHOP"),
            ("web-shop-1", "WEBSHOP1"),
            ("web-shop-2", "WEBSHOP2"),
            ("2026-plan", "P2026PLAN"),
            ("project", "PROJECT"),
            ("project-1", "PROJECT1"),
            ("website-relaunch-x", "WEBSITEREL"),
            ("website-relaunch-y", "WEBSITERE1"),
        ]
    );
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_with_one_name_at_once_all_get_their_own() {
    let it = Harness::start().await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (mut client, request) = (it.client(), it.ada.ask(new("Same")));
            tokio::spawn(async move { client.create_project(request).await.unwrap().into_inner().project.unwrap() })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        let project = task.await.unwrap();
        let number = project.slug.strip_prefix("same").unwrap().trim_start_matches('-').to_owned();
        assert_eq!(project.key, format!("SAME{number}"));
        numbers.push(number.parse().unwrap_or(0));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_names_are_taken_or_refused() {
    let it = Harness::start().await;
    let request = CreateProjectRequest {
        slug: Some("shop".into()),
        key: Some("S1".into()),
        description: "  All of it \n".into(),
        status: Some("ON_HOLD".into()),
        due_date: Some("2026-02-28".into()),
        ..new(" Shop ")
    };
    let answer = it.client().create_project(it.bob.ask(request.clone())).await.unwrap().into_inner();
    let project = answer.project.unwrap();
    assert_eq!((project.name.as_str(), project.slug.as_str(), project.key.as_str()), ("Shop", "shop", "S1"));
    assert_eq!((project.description.as_str(), project.due_date.as_str()), ("All of it", "2026-02-28"));
    assert_eq!((project.status(), project.version, project.created_at), (ProjectStatus::OnHold, 1, project.updated_at));
    it.assert_at_head(answer.position, &project.id).await;

    let refused = it.client().create_project(it.ada.ask(request.clone())).await.problem();
    assert_eq!(refused.detail, "Project with this slug already exists in this organization");
    assert_eq!((refused.code, refused.fields.len(), refused.resource.as_str()), (Code::AlreadyExists, 2, "project"));
    let empty = CreateProjectRequest { slug: Some(String::new()), key: Some(" ".into()), ..request.clone() };
    let refused = it.client().create_project(it.ada.ask(empty)).await.blames();
    assert_eq!(refused, (Code::ValidationFailed, vec!["slug:invalid".to_owned(), "key:invalid".to_owned()]));
    let only_key = CreateProjectRequest { slug: None, ..request };
    let refused = it.client().create_project(it.ada.ask(only_key)).await.blames();
    assert_eq!(refused, (Code::AlreadyExists, vec!["key:already_exists".to_owned()]));
    assert_eq!(it.count("SELECT count(*) FROM projects").await, 1);
    // Nothing half written: neither a scope nor a note of what was refused.
    assert_eq!(it.count("SELECT count(*) FROM scopes").await, 1);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_found_by_its_slug_or_key_to_the_letter() {
    let it = Harness::start().await;
    let project = it.project("Web").await;
    let get = |word: &str| GetProjectRequest { org: "acme".into(), project: word.into() };
    for word in ["web", "WEB"] {
        let answer = it.client().get_project(it.bob.ask(get(word))).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.project.as_ref(), Some(&project));
        it.assert_at_head(answer.position, &project.id).await;
    }
    for word in ["Web", "", " web", "web ", "we\0b", "web-1", &project.id, "ẃeb"] {
        let refused = it.client().get_project(it.bob.ask(get(word))).await;
        let refused = refused.problem();
        let expected = (Code::NotFound, "project");
        assert_eq!((refused.code, refused.resource.as_str()), expected, "{word:?}");
    }
    it.end().await;
}
