//! `createProject`, `updateProject`, `deleteProject`.

use serde_json::{Value, json};
use trellis_tests::Graph;

use super::{CREATE_PROJECT, NO_ACCESS, NO_PERMISSION, UPDATE_PROJECT, World, instant, join, organization, world};

const DELETE: &str = "mutation DeleteProject($projectSlug: String!, $organizationSlug: String!) {
  deleteProject(projectSlug: $projectSlug, organizationSlug: $organizationSlug) { success errors } }";

impl World {
    async fn create(&self, graph: &Graph, mut input: Value) -> Value {
        input["organizationSlug"] = json!(self.org);
        graph.done(CREATE_PROJECT, json!({"input": input})).await["project"].clone()
    }

    async fn not_created(&self, mut input: Value) -> Vec<String> {
        input["organizationSlug"] = json!(self.org);
        self.ben.graph().failed(CREATE_PROJECT, json!({"input": input})).await
    }

    fn update(&self, slug: &str, input: &Value) -> Value {
        json!({"projectSlug": slug, "organizationSlug": self.org, "input": input})
    }
}

#[tokio::test]
async fn a_project_is_created_with_what_is_given_and_defaults_for_the_rest() {
    let w = world().await;
    let graph = w.ben.graph();
    let bare = w.create(&graph, json!({"name": "Web Site"})).await;
    instant(&bare["createdAt"]);
    let wanted = json!({"id": bare["id"], "name": "Web Site", "slug": "web-site", "description": "", "status": "ACTIVE",
        "dueDate": null, "createdAt": bare["createdAt"], "taskCount": 0, "completedTasks": 0});
    assert_eq!(bare, wanted);

    let full = json!({"name": "Full", "slug": "my-slug", "description": "All of it", "status": "ON_HOLD", "dueDate": "2030-01-31"});
    let made = w.create(&graph, full.clone()).await;
    for (name, value) in full.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }

    // What is empty or null is not given.
    let input = json!({"name": "Empty", "slug": "", "description": "", "status": null, "dueDate": null});
    let empty = w.create(&graph, input).await;
    let found = (&empty["slug"], &empty["description"], &empty["status"], &empty["dueDate"]);
    assert_eq!(found, (&json!("empty"), &json!(""), &json!("ACTIVE"), &Value::Null));
    let input = json!({"name": "Emptier", "status": "", "dueDate": ""});
    let emptier = w.create(&graph, input).await;
    assert_eq!((&emptier["status"], &emptier["dueDate"]), (&json!("ACTIVE"), &Value::Null));

    // Slugs from names: with a number where taken.
    for (name, slug) in [
        ("Web Site", "web-site-1"),
        (" Web  Site! ", "web-site-2"),
        ("Web Site 1", "web-site-1-1"),
        ("计划", "project"),
    ] {
        assert_eq!(w.create(&graph, json!({"name": name})).await["slug"], slug, "{name}");
    }
}

#[tokio::test]
async fn a_project_is_not_created_with_bad_values() {
    let w = world().await;
    w.create(&w.ben.graph(), json!({"name": "Website"})).await;
    assert_eq!(
        w.not_created(json!({"name": "Other", "slug": "website"})).await,
        ["Project with this slug already exists in this organization"]
    );
    for (input, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(201)}), "name"),
        (json!({"name": "x", "slug": "Not A Slug"}), "slug"),
        (json!({"name": "x", "status": "active"}), "status"),
        (json!({"name": "x", "status": "DONE"}), "status"),
        (json!({"name": "x", "description": "x".repeat(20_001)}), "description"),
    ] {
        let errors = w.not_created(input).await;
        assert!(errors.len() == 1 && errors[0].starts_with(field), "{field}: {errors:?}");
    }
    let errors = w.not_created(json!({"name": "", "slug": "Not A Slug", "status": "x"})).await;
    assert_eq!(errors.len(), 3, "all bad fields at once: {errors:?}");

    // What is no date does not fit the variable.
    let input = json!({"organizationSlug": w.org, "name": "x", "dueDate": "soon"});
    w.ben.graph().post(CREATE_PROJECT, json!({"input": input})).await.not_run(400);
}

#[tokio::test]
async fn a_project_is_updated_in_what_is_given_alone() {
    let w = world().await;
    let (ada, ben) = (w.ada.graph(), w.ben.graph());
    let input = json!({"name": "Website", "description": "Old", "status": "ON_HOLD", "dueDate": "2030-01-31"});
    let mut wanted = w.create(&ada, input).await;
    for (slug, input) in [
        ("website", json!({"name": "Site"})),
        ("website", json!({"description": "New", "status": "COMPLETED"})),
        ("website", json!({"dueDate": "2031-02-28"})),
        // Null leaves a field as it is.
        ("website", json!({"name": null, "slug": null, "description": null, "status": null, "dueDate": null})),
        ("website", json!({})),
        ("website", json!({"slug": "site"})),
        ("site", json!({"slug": "site", "name": "Site"})),
        ("site", json!({"dueDate": "", "description": ""})),
    ] {
        let payload = ben.done(UPDATE_PROJECT, w.update(slug, &input)).await;
        for (name, value) in input.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
            wanted[name] = if name == "dueDate" && value == "" { Value::Null } else { value.clone() };
        }
        assert_eq!(payload["project"], wanted, "{input}");
    }
}

#[tokio::test]
async fn a_project_is_not_updated_with_bad_values_or_where_it_is_not() {
    let w = world().await;
    let graph = w.ben.graph();
    let made = w.create(&graph, json!({"name": "Website", "key": "WEB"})).await;
    w.create(&graph, json!({"name": "Other"})).await;
    for (input, field) in [
        (json!({"name": ""}), "name"),
        (json!({"slug": ""}), "slug"),
        (json!({"status": "done"}), "status"),
        (json!({"status": ""}), "status"),
        (json!({"dueDate": "soon"}), "dueDate"),
        (json!({"dueDate": "2030-02-30"}), "dueDate"),
    ] {
        let errors = graph.failed(UPDATE_PROJECT, w.update("website", &input)).await;
        assert!(errors.len() == 1 && errors[0].starts_with(field), "{input}: {errors:?}");
    }
    let taken = graph.failed(UPDATE_PROJECT, w.update("website", &json!({"slug": "other"}))).await;
    assert_eq!(taken, ["Project with this slug already exists in this organization"]);
    // A slug in the wrong case, and a key, are not there.
    for slug in ["no-such-project", "Website", "WEB", "web", ""] {
        let errors = graph.failed(UPDATE_PROJECT, w.update(slug, &json!({"name": "x"}))).await;
        assert_eq!(errors, ["Project not found"], "{slug:?}");
    }
    let query = "query($org: String!) { project(orgSlug: $org, projectSlug: \"website\") {
      id name slug description status dueDate createdAt taskCount completedTasks } }";
    assert_eq!(graph.field(query, json!({"org": w.org})).await, made, "nothing was changed");
}

#[tokio::test]
async fn a_project_is_deleted_by_an_admin() {
    let w = world().await;
    let (ada, ben) = (w.ada.graph(), w.ben.graph());
    w.create(&ada, json!({"name": "Website"})).await;
    let at = |slug: &str| json!({"projectSlug": slug, "organizationSlug": w.org});
    assert_eq!(ben.failed(DELETE, at("website")).await, [NO_PERMISSION]);
    for slug in ["no-such-project", "Website", "WEBSITE", ""] {
        assert_eq!(ada.failed(DELETE, at(slug)).await, ["Project not found"], "{slug:?}");
    }
    ada.done(DELETE, at("website")).await;
    assert_eq!(ada.failed(DELETE, at("website")).await, ["Project not found"]);
    let left = ada.field("query($org: String!) { projects(orgSlug: $org) { slug } }", json!({"org": w.org})).await;
    assert_eq!(left, json!([]));
}

#[tokio::test]
async fn projects_are_written_by_members_alone() {
    let w = world().await;
    w.create(&w.ada.graph(), json!({"name": "Website"})).await;
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for org in [w.org.as_str(), "there-is-no-such-organization"] {
        for project in ["website", "no-such-project"] {
            // Bad values beside it change nothing: the access is looked at first.
            let create = json!({"input": {"organizationSlug": org, "name": "", "slug": project, "status": "x"}});
            let update = json!({"projectSlug": project, "organizationSlug": org, "input": {"name": ""}});
            let delete = json!({"projectSlug": project, "organizationSlug": org});
            for (mutation, variables) in [(CREATE_PROJECT, create), (UPDATE_PROJECT, update), (DELETE, delete)] {
                let at = format!("{mutation} {variables}");
                assert_eq!(eve.graph().failed(mutation, variables.clone()).await, [NO_ACCESS], "{at}");
                assert_eq!(w.api.graph().failed(mutation, variables.clone()).await, [NO_PERMISSION], "{at}");
                assert_eq!(w.api.graph().jwt("bad").failed(mutation, variables).await, [NO_PERMISSION], "{at}");
            }
        }
    }
}
