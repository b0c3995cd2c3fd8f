//! Projects, tasks and comments: derived names, filters, order, pages.

use serde_json::{Value, json};
use trellis_tests::Api;

#[tokio::test]
async fn slugs_and_keys_are_derived_and_unique_in_their_organization() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let derived =
        |project: &Value| (project["slug"].as_str().unwrap().to_owned(), project["key"].as_str().unwrap().to_owned());
    for (name, slug, key) in [
        ("Web Site", "web-site", "WEBSITE"),
        ("Web Site", "web-site-1", "WEBSITE1"),
        ("2026 Plan", "2026-plan", "P2026PLAN"),
        ("计划", "project", "PROJECT"),
    ] {
        let project = ada.project(&org, json!({"name": name})).await;
        assert_eq!(derived(&project), (slug.to_owned(), key.to_owned()), "{name}");
    }
    let projects = format!("/organizations/{org}/projects");
    let taken = ada.post(&projects, json!({"name": "x", "slug": "web-site"})).await;
    assert_eq!(taken.bad_fields(), ["slug"]);
    taken.problem(409, "already_exists");

    // A new slug leaves the key, and so the task ids, as they are.
    ada.task(&org, "web-site", "One").await;
    ada.patch(&format!("{projects}/web-site"), json!({"slug": "site", "name": "Site"})).await.expect(200);
    let task = ada.get(&format!("/organizations/{org}/tasks/website-1")).await.expect(200);
    assert_eq!((&task["task_id"], &task["project"]["slug"]), (&json!("WEBSITE-1"), &json!("site")));
    ada.get(&format!("{projects}/web-site")).await.problem(404, "not_found");
}

#[tokio::test]
async fn tasks_are_filtered_sorted_and_paged() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    let tasks = format!("/organizations/{org}/projects/WEB/tasks");
    for (n, (title, status, assignee, due)) in [
        ("Paint the fence", "TODO", Some(ben.email()), Some("2030-01-01")),
        ("Mow the lawn", "DONE", Some(ada.email()), Some("2030-01-03T12:00:00+02:00")),
        ("Feed the cat", "TODO", None, None),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"title": title, "status": status, "assignee_email": assignee, "due_date": due, "description": format!("number {n}{}", if n == 0 { ", behind the Bäume" } else { "" })});
        ada.post(&tasks, body).await.expect(201);
    }
    let titles = async |query: &str| -> Vec<String> {
        let page = ben.get(&format!("{tasks}?{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
    };
    let (fence, lawn, cat) = ("Paint the fence", "Mow the lawn", "Feed the cat");
    for (query, wanted) in [
        (String::new(), vec![fence, lawn, cat]),
        ("status=TODO".to_owned(), vec![fence, cat]),
        ("assignee=me".to_owned(), vec![fence]),
        (format!("assignee={}", ada.id()), vec![lawn]),
        ("assignee=none".to_owned(), vec![cat]),
        ("q=lawn".to_owned(), vec![lawn]),
        // In any case, outside of ASCII too.
        ("q=b%C3%A4ume".to_owned(), vec![fence]),
        ("q=B%C3%84UM".to_owned(), vec![fence]),
        ("due_before=2030-01-03T10:00:00Z".to_owned(), vec![fence]),
        ("due_after=2030-01-01".to_owned(), vec![lawn]),
        ("sort=-task_id".to_owned(), vec![cat, lawn, fence]),
        ("sort=due_date".to_owned(), vec![fence, lawn, cat]),
        ("sort=-due_date".to_owned(), vec![lawn, fence, cat]),
    ] {
        assert_eq!(titles(&query).await, wanted, "{query}");
    }

    // Pages stay right while rows come and go.
    let first = ada.get(&format!("{tasks}?limit=1")).await.expect(200);
    assert_eq!(first["items"][0]["title"], fence);
    ada.delete(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(204);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ada.get(&format!("{tasks}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(second["items"][0]["title"], lawn);
    let cursor = second["next_cursor"].as_str().unwrap();
    let third = ada.get(&format!("{tasks}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&third["items"][0]["title"], &third["next_cursor"]), (&json!(cat), &Value::Null));

    for query in [
        "status=todo",
        "status=",
        "sort=",
        "assignee=",
        "due_before=",
        "due_after=",
        "sort=title",
        "limit=0",
        "limit=101",
        "cursor=%21",
        "assignee=nobody",
        "due_before=soon",
        "colour=red",
    ] {
        let answer = ada.get(&format!("{tasks}?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert_eq!(answer.bad_fields(), [field], "{query}: {}", answer.text);
        answer.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_assignee_is_a_member_and_can_be_cleared() {
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let task = format!("/organizations/{org}/tasks/WEB-1");

    for (body, field) in [
        (json!({"assignee_id": eve.id()}), "assignee_id"),
        (json!({"assignee_email": eve.email()}), "assignee_email"),
        (json!({"assignee_email": "nobody@example.test"}), "assignee_email"),
    ] {
        let answer = ada.patch(&task, body).await;
        assert_eq!(answer.bad_fields(), [field]);
        answer.problem(422, "validation_failed");
    }
    let assigned = ada.patch(&task, json!({"assignee_email": ada.email().to_uppercase()})).await.expect(200);
    assert_eq!(assigned["assignee"]["id"], ada.id());
    assert_eq!(ada.patch(&task, json!({"assignee_id": null})).await.expect(200)["assignee"], Value::Null);
}

#[tokio::test]
async fn comments_belong_to_their_authors_and_an_admin_may_delete_them() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let of_ada = ada.post(&comments, json!({"content": " by Ada "})).await.expect(201);
    let of_ben = ben.post(&comments, json!({"content": "by Ben"})).await.expect(201);
    assert_eq!((&of_ada["content"], &of_ada["edited_at"]), (&json!("by Ada"), &Value::Null));
    let at = |comment: &Value| format!("/organizations/{org}/comments/{}", comment["id"].as_str().unwrap());

    ben.patch(&at(&of_ada), json!({"content": "forged"})).await.problem(403, "forbidden");
    ben.delete(&at(&of_ada)).await.problem(403, "forbidden");
    ada.patch(&at(&of_ben), json!({"content": "forged"})).await.problem(403, "forbidden");
    ada.delete(&at(&of_ben)).await.expect(204);
    let list = ben.get(&comments).await.expect(200);
    assert_eq!(list["items"], json!([of_ada]));
    ada.delete(&at(&of_ben)).await.problem(404, "not_found");
}
