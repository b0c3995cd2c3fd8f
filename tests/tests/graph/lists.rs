//! Connections: pages in both directions, filters, orders.

use serde_json::{Value, json};
use trellis_tests::Graph;

use super::{World, each, world};

/// Pages of `connection` under an organization, by its arguments; gives the connection.
struct Pages<'a> {
    graph: Graph,
    org: &'a str,
    /// With `(ARGUMENTS)` for the arguments, such as `projects(ARGUMENTS) { nodes { name } … }`.
    field: &'a str,
    /// The way to it below `organization`.
    path: &'a str,
}

impl Pages<'_> {
    fn document(&self, arguments: &str) -> String {
        let info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
        let field = self.field.replace("ARGUMENTS", arguments).replace("INFO", info);
        format!("query($org: String!) {{ organization(slug: $org) {{ {field} }} }}")
    }

    async fn page(&self, arguments: &str) -> Value {
        let data = self.graph.data(&self.document(arguments), json!({"org": self.org})).await;
        data["organization"].pointer(self.path).unwrap_or_else(|| panic!("no {}: {data}", self.path)).clone()
    }

    /// Walks the list in both directions and comes back to where it began.
    async fn walk(&self, member: &str, all: &[&str]) {
        let items = |page: &Value| each(&page["nodes"], member);
        let whole = self.page("first: 100").await;
        assert_eq!(items(&whole), all);
        let edges: Vec<_> = whole["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect();
        assert_eq!(json!(edges), whole["nodes"]);
        let cursors = each(&whole["edges"], "cursor");
        let info = |page: &Value| {
            let info = &page["pageInfo"];
            (info["hasPreviousPage"].as_bool().unwrap(), info["hasNextPage"].as_bool().unwrap())
        };
        assert_eq!(info(&whole), (false, false));
        assert_eq!(whole["pageInfo"]["startCursor"].as_str(), cursors.first().map(String::as_str));
        assert_eq!(whole["pageInfo"]["endCursor"].as_str(), cursors.last().map(String::as_str));

        // Forward, then backward, two at a time.
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("first: 2{after}")).await;
            seen.extend(items(&page));
            let (_, more) = info(&page);
            assert_eq!(more, seen.len() < all.len());
            if !more {
                break;
            }
            after = format!(", after: {}", page["pageInfo"]["endCursor"]);
        }
        assert_eq!(seen, all);
        let (mut seen, mut before) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("last: 2{before}")).await;
            seen.splice(0..0, items(&page));
            let (more, _) = info(&page);
            assert_eq!(more, seen.len() < all.len());
            if !more {
                break;
            }
            before = format!(", before: {}", page["pageInfo"]["startCursor"]);
        }
        assert_eq!(seen, all);

        // From any edge, in both directions.
        let middle = json!(cursors[1]);
        assert_eq!(items(&self.page(&format!("first: 100, after: {middle}")).await), all[2..]);
        assert_eq!(items(&self.page(&format!("last: 100, before: {middle}")).await), all[..1]);
        for (arguments, word) in [
            ("first: 1, last: 1".to_owned(), "last"),
            (format!("first: 1, before: {middle}"), "before"),
            (format!("last: 1, after: {middle}"), "after"),
            ("first: 0".to_owned(), "first"),
            ("first: 101".to_owned(), "first"),
            ("last: -1".to_owned(), "last"),
            ("first: 1, after: \"nonsense\"".to_owned(), "after"),
        ] {
            let answer = self.graph.post(&self.document(&arguments), json!({"org": self.org})).await;
            assert_eq!(answer.status.as_u16(), 200, "{arguments}: {}", answer.text);
            let error = &answer.body["errors"][0];
            assert_eq!(error["extensions"]["code"], "invalid_request", "{arguments}: {}", answer.text);
            assert!(error["message"].as_str().unwrap().contains(word), "{arguments}: {error}");
        }
    }
}

impl World {
    fn pages<'a>(&'a self, field: &'a str, path: &'a str) -> Pages<'a> {
        Pages { graph: self.ada.graph(), org: &self.org, field, path }
    }
}

#[tokio::test]
async fn projects_and_tasks_are_paged_forward_and_backward() {
    let w = world().await;
    for name in ["Zebra", "Aardvark", "Mole", "Newt"] {
        w.ada.project(&w.org, json!({"name": name})).await;
    }
    let projects = w.pages("projects(ARGUMENTS) { nodes { name } edges { cursor node { name } } INFO }", "/projects");
    projects.walk("name", &["Website", "Zebra", "Aardvark", "Mole", "Newt"]).await;

    for title in ["Two", "Three", "Four", "Five"] {
        w.ben.task(&w.org, "WEB", title).await;
    }
    let tasks = ["One", "Two", "Three", "Four", "Five"];
    let of_project =
        "project(slug: \"website\") { tasks(ARGUMENTS) { nodes { title } edges { cursor node { title } } INFO } }";
    w.pages(of_project, "/project/tasks").walk("title", &tasks).await;
    let by_key = of_project.replace("website", "WEB");
    w.pages(&by_key, "/project/tasks").walk("title", &tasks).await;
    let of_organization = "tasks(ARGUMENTS) { nodes { title } edges { cursor node { title } } INFO }";
    w.pages(of_organization, "/tasks").walk("title", &tasks).await;
    let of_projects =
        "projects(first: 1) { nodes { tasks(ARGUMENTS) { nodes { title } edges { cursor node { title } } INFO } } }";
    w.pages(of_projects, "/projects/nodes/0/tasks").walk("title", &tasks).await;
    // In another order, the other way round.
    let newest = "tasks(ARGUMENTS, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { title } edges { cursor node { title } } INFO }";
    w.pages(newest, "/tasks").walk("title", &["Five", "Four", "Three", "Two", "One"]).await;
}

#[tokio::test]
async fn comments_and_activity_are_paged_forward_and_backward() {
    let w = world().await;
    let said = ["a", "b", "c", "d", "e"];
    for content in said {
        w.comment(content).await;
    }
    let comments =
        "task(taskId: \"web-1\") { comments(ARGUMENTS) { nodes { content } edges { cursor node { content } } INFO } }";
    w.pages(comments, "/task/comments").walk("content", &said).await;
    let nested = "tasks(first: 1) { nodes { comments(ARGUMENTS) { nodes { content } edges { cursor node { content } } INFO } } }";
    w.pages(nested, "/tasks/nodes/0/comments").walk("content", &said).await;

    w.ada.patch(&format!("/organizations/{}/tasks/WEB-1", w.org), json!({"status": "DONE"})).await.expect(200);
    let kinds = [
        "task.updated",
        "comment.created",
        "comment.created",
        "comment.created",
        "comment.created",
        "comment.created",
        "task.created",
    ];
    let activity =
        "task(taskId: \"WEB-1\") { activity(ARGUMENTS) { nodes { kind } edges { cursor node { kind } } INFO } }";
    w.pages(activity, "/task/activity").walk("kind", &kinds).await;

    let query = "query($org: String!) { task(orgSlug: $org, taskId: \"WEB-1\") { commentCount
      activity(first: 2) { nodes { id kind occurredAt commentId actor { name } changes { field from to } } } } }";
    let task = w.ben.graph().field(query, json!({"org": w.org})).await;
    assert_eq!(task["commentCount"], 5);
    let [update, comment] = task["activity"]["nodes"].as_array().unwrap().as_slice() else { panic!("{task}") };
    assert_eq!(update["changes"], json!([{"field": "status", "from": "TODO", "to": "DONE"}]));
    assert_eq!((&update["actor"]["name"], &update["commentId"]), (&json!("Ada"), &Value::Null));
    assert!(comment["commentId"].is_string() && comment["changes"] == json!([]), "{comment}");
}

#[tokio::test]
async fn members_and_invitations_are_paged_forward_and_backward() {
    let w = world().await;
    let mut names = vec!["Ada", "Ben"];
    for name in ["Carla", "Dora", "Emil"] {
        w.ada.invite(&w.org, name, "MEMBER").await;
        names.push(name);
    }
    let members = w.pages("members(ARGUMENTS) { nodes { name } edges { cursor node { name } } INFO }", "/members");
    members.walk("name", &names).await;
    let emails: Vec<_> = (1..=4).map(|n| format!("guest-{n}@example.test")).collect();
    for email in &emails {
        let body = json!({"email": email, "role": "MEMBER"});
        w.ada.post(&format!("/organizations/{}/invitations", w.org), body).await.expect(201);
    }
    let listed = w.ada.get(&format!("/organizations/{}/invitations", w.org)).await.expect(200);
    let listed = each(&listed["items"], "email");
    assert_eq!(listed.len(), 4);
    let listed: Vec<_> = listed.iter().map(String::as_str).collect();
    let invitations =
        w.pages("invitations(ARGUMENTS) { nodes { email } edges { cursor node { email } } INFO }", "/invitations");
    invitations.walk("email", &listed).await;
}

#[tokio::test]
async fn tasks_are_filtered_and_ordered() {
    let w = world().await;
    w.ada.delete(&format!("/organizations/{}/tasks/WEB-1", w.org)).await.expect(204);
    let tasks = format!("/organizations/{}/projects/WEB/tasks", w.org);
    for (title, status, assignee, due) in [
        ("Paint the fence", "TODO", Some(w.ben.email()), Some("2030-01-01")),
        ("Mow the lawn", "DONE", Some(w.ada.email()), Some("2030-01-03T12:00:00Z")),
        ("Feed the cat", "TODO", None, None),
    ] {
        let body = json!({"title": title, "status": status, "assignee_email": assignee, "due_date": due});
        w.ada.post(&tasks, body).await.expect(201);
    }
    let (fence, lawn, cat) = ("Paint the fence", "Mow the lawn", "Feed the cat");
    let query = "query($org: String!, $filter: TaskFilter, $orderBy: TaskOrder) { organization(slug: $org) {
      tasks(filter: $filter, orderBy: $orderBy) { nodes { title } }
      project(slug: \"WEB\") { tasks(filter: $filter, orderBy: $orderBy) { nodes { title } } }
      projects { nodes { tasks(filter: $filter, orderBy: $orderBy) { nodes { title } } } } } }";
    for (filter, order, wanted) in [
        (json!(null), json!(null), vec![fence, lawn, cat]),
        (json!({}), json!(null), vec![fence, lawn, cat]),
        (json!({"status": "TODO"}), json!(null), vec![fence, cat]),
        (json!({"assignee": {"me": true}}), json!(null), vec![fence]),
        (json!({"assignee": {"none": true}}), json!(null), vec![cat]),
        (json!({"assignee": {"id": w.ada.id()}}), json!(null), vec![lawn]),
        (json!({"search": "LAWN"}), json!(null), vec![lawn]),
        (json!({"dueBefore": "2030-01-03T12:00:00Z"}), json!(null), vec![fence]),
        (json!({"dueAfter": "2030-01-01"}), json!(null), vec![lawn]),
        (json!({"status": "TODO", "assignee": {"none": true}}), json!(null), vec![cat]),
        (json!(null), json!({"field": "TASK_ID", "direction": "DESC"}), vec![cat, lawn, fence]),
        (json!(null), json!({"field": "CREATED_AT"}), vec![fence, lawn, cat]),
        (json!(null), json!({"field": "DUE_DATE", "direction": "ASC"}), vec![fence, lawn, cat]),
        (json!(null), json!({"field": "DUE_DATE", "direction": "DESC"}), vec![lawn, fence, cat]),
        (json!(null), json!({"field": "UPDATED_AT", "direction": "DESC"}), vec![cat, lawn, fence]),
    ] {
        let data = w.ben.graph().field(query, json!({"org": w.org, "filter": filter, "orderBy": order})).await;
        for path in ["/tasks", "/project/tasks", "/projects/nodes/0/tasks"] {
            let list = &data.pointer(path).unwrap()["nodes"];
            assert_eq!(each(list, "title"), wanted, "{filter} {order} {path}");
        }
    }
    for variables in [
        json!({"filter": {"status": "OPEN"}}),
        json!({"filter": {"assignee": {"me": true, "none": true}}}),
        json!({"filter": {"assignee": {}}}),
        json!({"filter": {"dueBefore": "soon"}}),
        json!({"orderBy": {"field": "TITLE"}}),
        json!({"orderBy": {}}),
    ] {
        let mut variables = variables;
        variables["org"] = json!(w.org);
        w.ben.graph().post(query, variables).await.not_run(400);
    }
}
