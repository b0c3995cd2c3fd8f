//! `organization(slug:)`: what members see of it, and what everybody sees of an open one.

use serde_json::{Value, json};
use trellis_tests::unique;

use super::{NO_ACCESS, NO_PERMISSION, world};

#[tokio::test]
async fn everything_of_an_organization_hangs_together() {
    let w = world().await;
    let (comment, cursor) = w.comment("Hello").await;
    let query = "query($slug: String!) { organization(slug: $slug) {
      id name slug contactEmail createdAt joinPolicy role version
      members { nodes { id role joinedAt name email user { id name email } organization { slug } } }
      project(slug: \"WEB\") {
        id key name slug description status dueDate createdAt updatedAt taskCount completedTasks version liveCursor
        organization { slug } tasks { liveCursor nodes { taskId project { key organization { slug } } } } }
      task(taskId: \"web-1\") {
        id taskId title version updatedAt liveCursor commentCount assignee { id } createdBy { id name email }
        project { slug } comments { liveCursor nodes { id content author { id } timestamp editedAt task { taskId } } } } } }";
    let org = w.ben.graph().field(query, json!({"slug": w.org})).await;
    assert_eq!(
        (&org["slug"], &org["role"], &org["joinPolicy"]),
        (&json!(w.org), &json!("MEMBER"), &json!("INVITE_ONLY"))
    );
    let members = org["members"]["nodes"].as_array().unwrap();
    assert_eq!((members.len(), &members[0]["role"], &members[1]["name"]), (2, &json!("ADMIN"), &json!("Ben")));
    assert_eq!((&members[0]["user"]["id"], &members[0]["organization"]["slug"]), (&json!(w.ada.id()), &json!(w.org)));

    let at = format!("/organizations/{}", w.org);
    let project = w.ben.get(&format!("{at}/projects/WEB")).await.expect(200);
    for (graph, rest) in [
        ("id", "id"),
        ("key", "key"),
        ("name", "name"),
        ("slug", "slug"),
        ("description", "description"),
        ("status", "status"),
        ("dueDate", "due_date"),
        ("createdAt", "created_at"),
        ("updatedAt", "updated_at"),
        ("taskCount", "task_count"),
        ("completedTasks", "completed_task_count"),
        ("version", "version"),
    ] {
        assert_eq!(org["project"][graph], project[rest], "{graph}");
    }
    let task = w.ben.get(&format!("{at}/tasks/WEB-1")).await.expect(200);
    for (graph, rest) in [
        ("id", "id"),
        ("title", "title"),
        ("version", "version"),
        ("updatedAt", "updated_at"),
        ("commentCount", "comment_count"),
    ] {
        assert_eq!(org["task"][graph], task[rest], "{graph}");
    }
    assert_eq!(org["task"]["createdBy"]["id"], w.ada.id());
    let told = &org["task"]["comments"]["nodes"][0];
    assert_eq!(
        (&told["id"], &told["timestamp"], &told["editedAt"]),
        (&comment["id"], &comment["created_at"], &Value::Null)
    );
    assert_eq!((&told["author"]["id"], &told["task"]["taskId"]), (&json!(w.ada.id()), &json!("WEB-1")));
    // Each says the place in the project's order that it reflects.
    for path in ["/project/liveCursor", "/project/tasks/liveCursor", "/task/liveCursor", "/task/comments/liveCursor"] {
        assert_eq!(org.pointer(path), Some(&json!(cursor)), "{path}");
    }

    // What is not there.
    let query = "query($slug: String!) { organization(slug: $slug) {
      project(slug: \"nothing\") { id } wrongCase: project(slug: \"WebSite\") { id } task(taskId: \"WEB-9\") { id } } }";
    let nothing = w.ben.graph().field(query, json!({"slug": w.org})).await;
    assert_eq!(nothing, json!({"project": null, "wrongCase": null, "task": null}));
}

#[tokio::test]
async fn strangers_see_the_directory_of_open_organizations_and_no_more() {
    let w = world().await;
    let eve = w.api.register("Eve").await;
    let query = "query($slug: String!) { organization(slug: $slug) { slug } }";
    for slug in [w.org.as_str(), "there-is-no-such-organization", &w.org.to_uppercase(), ""] {
        let refusal = eve.graph().refused(query, json!({"slug": slug})).await;
        assert_eq!(refusal, ("not_found".to_owned(), NO_ACCESS.to_owned()), "{slug}");
        let refusal = w.api.graph().refused(query, json!({"slug": slug})).await;
        assert_eq!(refusal, ("unauthenticated".to_owned(), NO_PERMISSION.to_owned()), "{slug}");
    }

    // An open one stands in the directory; what is in it does not.
    let slug = unique("org");
    let input = json!({"name": slug, "slug": slug, "contactEmail": format!("{slug}@example.test")});
    let create = "mutation($input: OrganizationInput!) { createOrganization(input: $input) {
      success errors userErrors { field } organization { slug } } }";
    w.api.graph().done(create, json!({"input": input})).await;
    for inside in [
        "projects { nodes { id } }",
        "project(slug: \"x\") { id }",
        "tasks { nodes { id } }",
        "task(taskId: \"X-1\") { id }",
        "members { nodes { id } }",
        "invitations { nodes { id } }",
    ] {
        let query = format!("{{ organizations {{ slug role joinPolicy version {inside} }} }}");
        let answer = eve.graph().post(&query, json!({})).await;
        assert_eq!(answer.status.as_u16(), 200);
        let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("{inside} is shown"));
        assert!(errors.iter().all(|error| error["message"] == NO_ACCESS), "{inside}: {:?}", errors[0]);
    }
    let listed = eve.graph().field("{ organizations { slug role version } }", json!({})).await;
    assert!(listed.as_array().unwrap().contains(&json!({"slug": slug, "role": null, "version": null})));
}

#[tokio::test]
async fn invitations_are_for_admins() {
    let w = world().await;
    let query = "query($slug: String!) { organization(slug: $slug) { slug invitations { nodes { email } } } }";
    let answer = w.ben.graph().post(query, json!({"slug": w.org})).await;
    let error = &answer.body["errors"][0];
    assert_eq!((&error["extensions"]["code"], &error["message"]), (&json!("forbidden"), &json!(NO_PERMISSION)));
    assert_eq!(error["path"], json!(["organization", "invitations"]));
    assert_eq!(
        w.ada.graph().data(query, json!({"slug": w.org})).await["organization"]["invitations"],
        json!({"nodes": []})
    );
}
