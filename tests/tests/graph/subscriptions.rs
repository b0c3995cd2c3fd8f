//! Subscriptions: what arrives, beside the sockets of both other protocols, and what ends them.

use serde_json::{Value, json};
use trellis_tests::{Gateway, GraphSocket, OriginalSocket, Session, Socket};

use super::{NO_ACCESS, NO_PERMISSION, World, world};

pub const COMMENTS: &str = "subscription($org: String!, $task: String!, $after: String) {
  taskComments(orgSlug: $org, taskId: $task, after: $after) {
    cursor kind recovered occurredAt actor { name }
    comment { id content timestamp editedAt author { id email name } task { taskId title } } } }";
pub const PROJECT: &str = "subscription($org: String!, $project: String!, $after: String) {
  projectEvents(orgSlug: $org, projectSlug: $project, after: $after) {
    cursor kind recovered occurredAt actor { name }
    project { slug status version } task { taskId title status version assignee { name } } comment { id content }
    changes { field from to } } }";

impl World {
    pub fn task_variables(&self) -> Value {
        json!({"org": self.org, "task": "WEB-1"})
    }

    pub fn project_variables(&self) -> Value {
        json!({"org": self.org, "project": "website"})
    }

    async fn graph_socket(&self, person: &Session) -> GraphSocket {
        GraphSocket::open(&self.api.base, &person.token).await
    }
}

#[tokio::test]
async fn one_comment_is_seen_once_by_every_kind_of_client_at_every_gateway() {
    let w = world().await;
    let second = Gateway::start(&[]).await.unwrap();
    let topic = format!("task:{}/WEB-1", w.org);
    let (mut originals, mut fulls, mut graphs) = (Vec::new(), Vec::new(), Vec::new());
    for base in [&w.api.base, &second.base] {
        originals.push(OriginalSocket::open(base, &w.org, "WEB-1", &w.ben.token).await);
        let mut full = Socket::open(base, &w.ada.token).await;
        full.subscribe(&topic, None).await;
        fulls.push(full);
        let mut graph = GraphSocket::open(base, &w.ben.token).await;
        let (comments, first) = graph.subscribe(COMMENTS, w.task_variables()).await;
        assert_eq!(first["recovered"], true);
        graphs.push((graph, comments));
    }
    let create = "mutation($org: String!, $content: String!) { createTaskComment(orgSlug: $org, taskId: \"web-1\", content: $content) {
      success errors comment { id } liveCursor } }";
    for n in 0..3 {
        // By REST, by GraphQL over HTTP, and by the original's socket.
        let (contents, cursors) = {
            let (_, by_rest) = w.comment(&format!("REST {n}")).await;
            let variables = json!({"org": w.org, "content": format!("GraphQL {n}")});
            let by_graphql = w.ben.graph().done(create, variables).await;
            originals[n % 2].say(&format!("socket {n}")).await;
            (
                [format!("REST {n}"), format!("GraphQL {n}"), format!("socket {n}")],
                [json!(by_rest), by_graphql["liveCursor"].clone()],
            )
        };
        for (i, content) in contents.iter().enumerate() {
            let mut ids = Vec::new();
            for socket in &mut originals {
                ids.push(socket.comment(content).await["id"].clone());
            }
            for socket in &mut fulls {
                let frame = socket.event("comment.created").await;
                ids.push(frame["event"]["data"]["id"].clone());
                assert!(cursors.get(i).is_none_or(|cursor| *cursor == frame["cursor"]), "{frame}");
            }
            for (socket, id) in &mut graphs {
                let event = socket.event(id, "comment.created").await;
                assert_eq!(event["comment"]["content"], *content);
                assert!(cursors.get(i).is_none_or(|cursor| *cursor == event["cursor"]), "{event}");
                ids.push(event["comment"]["id"].clone());
            }
            assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
        }
    }
    for socket in &mut originals {
        socket.expect_nothing_pending().await;
    }
    for socket in &mut fulls {
        socket.expect_nothing_pending().await;
    }
    for (socket, _) in &mut graphs {
        socket.expect_nothing_pending().await;
    }
}

#[tokio::test]
async fn the_comments_of_a_task_arrive_whole_and_its_end_too() {
    let w = world().await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let mut socket = w.graph_socket(&w.ben).await;
    let (id, _) = socket.subscribe(COMMENTS, json!({"org": w.org, "task": "web-1"})).await;
    let at = format!("/organizations/{}", w.org);
    w.ada.post(&format!("{at}/tasks/WEB-2/comments"), json!({"content": "elsewhere"})).await.expect(201);
    let (made, cursor) = w.comment("first").await;
    let event = socket.event(&id, "comment.created").await;
    let wanted = json!({"id": made["id"], "content": "first", "timestamp": made["created_at"], "editedAt": null,
        "author": {"id": w.ada.id(), "email": w.ada.email(), "name": "Ada"}, "task": {"taskId": "WEB-1", "title": "One"}});
    assert_eq!((&event["comment"], &event["cursor"]), (&wanted, &json!(cursor)));
    assert_eq!((&event["actor"]["name"], &event["recovered"]), (&json!("Ada"), &Value::Null));
    assert!(event["occurredAt"].is_string());

    let path = format!("{at}/comments/{}", made["id"].as_str().unwrap());
    w.ada.patch(&path, json!({"content": "second"})).await.expect(200);
    let event = socket.event(&id, "comment.updated").await;
    assert_eq!(event["comment"]["content"], "second");
    assert!(event["comment"]["editedAt"].is_string());
    w.ada.delete(&path).await.expect(204);
    assert_eq!(socket.event(&id, "comment.deleted").await["comment"]["id"], made["id"]);
    w.ada.delete(&format!("{at}/tasks/WEB-1")).await.expect(204);
    assert_eq!(socket.event(&id, "task.deleted").await["comment"], Value::Null);
    w.ada.delete(&format!("{at}/projects/WEB")).await.expect(204);
    assert_eq!(socket.event(&id, "project.deleted").await["comment"], Value::Null);
}

#[tokio::test]
async fn everything_of_a_project_arrives_in_one_order() {
    let w = world().await;
    let mut socket = w.graph_socket(&w.ben).await;
    let (id, _) = socket.subscribe(PROJECT, w.project_variables()).await;
    let at = format!("/organizations/{}", w.org);
    w.comment("Hello").await;
    w.ada.task(&w.org, "WEB", "Two").await;
    let change = json!({"status": "DONE", "assignee_id": w.ben.id()});
    w.ada.patch(&format!("{at}/tasks/WEB-2"), change).await.expect(200);
    w.ada.patch(&format!("{at}/projects/WEB"), json!({"status": "ON_HOLD"})).await.expect(200);
    w.ada.delete(&format!("{at}/tasks/WEB-2")).await.expect(204);

    let event = socket.event(&id, "comment.created").await;
    assert_eq!(
        (&event["comment"]["content"], &event["task"], &event["project"]),
        (&json!("Hello"), &Value::Null, &Value::Null)
    );
    let event = socket.event(&id, "task.created").await;
    assert_eq!((&event["task"]["taskId"], &event["changes"]), (&json!("WEB-2"), &Value::Null));
    let event = socket.event(&id, "task.updated").await;
    let task = json!({"taskId": "WEB-2", "title": "Two", "status": "DONE", "version": 2, "assignee": {"name": "Ben"}});
    assert_eq!(event["task"], task);
    let mut changes = event["changes"].as_array().unwrap().clone();
    changes.sort_by_key(|change| change["field"].as_str().map(str::to_owned));
    assert_eq!(changes[1], json!({"field": "status", "from": "TODO", "to": "DONE"}));
    assert_eq!(
        (&changes[0]["field"], &changes[0]["from"], &changes[0]["to"]["name"]),
        (&json!("assignee"), &Value::Null, &json!("Ben"))
    );
    let event = socket.event(&id, "project.updated").await;
    assert_eq!(event["project"]["status"], "ON_HOLD");
    assert_eq!(event["changes"], json!([{"field": "status", "from": "ACTIVE", "to": "ON_HOLD"}]));
    assert_eq!(socket.event(&id, "task.deleted").await["task"]["taskId"], "WEB-2");
    socket.expect_nothing_pending().await;

    // By its slug exactly, as everywhere; and no more once the client has said so.
    for other in ["WEB", "Website"] {
        let id = socket.start(PROJECT, json!({"org": w.org, "project": other})).await;
        let ended = Some(("not_found".to_owned(), "Project not found".to_owned()));
        assert_eq!(socket.end(&id).await, ended, "{other}");
    }
    let (again, _) = socket.subscribe(PROJECT, w.project_variables()).await;
    socket.complete(&id).await;
    socket.expect_nothing_pending().await;
    w.comment("Again").await;
    socket.event(&again, "comment.created").await;
    socket.expect_nothing_pending().await;
    w.ada.delete(&format!("{at}/projects/WEB")).await.expect(204);
    assert_eq!(socket.event(&again, "project.deleted").await["project"]["slug"], "website");
}

#[tokio::test]
async fn who_may_not_look_is_told_so_and_the_socket_stays() {
    let w = world().await;
    let eve = w.api.register("Eve").await;
    let forbidden = Some(("not_found".to_owned(), NO_ACCESS.to_owned()));
    let mut socket = w.graph_socket(&eve).await;
    for org in [w.org.as_str(), "there-is-no-such-organization"] {
        for (document, variables) in [
            (COMMENTS, json!({"org": org, "task": "WEB-1"})),
            (COMMENTS, json!({"org": org, "task": "WEB-99"})),
            (PROJECT, json!({"org": org, "project": "website"})),
            (PROJECT, json!({"org": org, "project": "nothing"})),
        ] {
            let id = socket.start(document, variables.clone()).await;
            assert_eq!(socket.end(&id).await, forbidden, "{variables}");
        }
    }
    let mut own = w.graph_socket(&w.ada).await;
    let id = own.start(COMMENTS, json!({"org": w.org, "task": "WEB-99"})).await;
    assert_eq!(own.end(&id).await, Some(("not_found".to_owned(), "Task not found".to_owned())));
    let id = own.start(PROJECT, json!({"org": w.org, "project": "nothing"})).await;
    assert_eq!(own.end(&id).await, Some(("not_found".to_owned(), "Project not found".to_owned())));
    let id = own.start(COMMENTS, json!({"org": w.org, "task": "WEB-1", "after": "nonsense"})).await;
    assert_eq!(own.end(&id).await.unwrap().0, "invalid_request");

    let mut out = GraphSocket::open_with(&w.api.base, Value::Null).await;
    let id = out.start(COMMENTS, w.task_variables()).await;
    assert_eq!(out.end(&id).await, Some(("unauthenticated".to_owned(), NO_PERMISSION.to_owned())));
    let id = out.start("{ organizations { slug } }", json!({})).await;
    assert!(out.value(&id).await.is_array());
    assert_eq!(out.end(&id).await, None);

    w.comment("secret").await;
    for socket in [&mut socket, &mut own, &mut out] {
        socket.expect_nothing_pending().await;
    }
}

#[tokio::test]
async fn removal_of_the_member_ends_them_with_an_error_and_logout_closes_the_socket() {
    let w = world().await;
    let (mut bens, mut adas) = (w.graph_socket(&w.ben).await, w.graph_socket(&w.ada).await);
    let (comments, _) = bens.subscribe(COMMENTS, w.task_variables()).await;
    let (of_ada, _) = adas.subscribe(COMMENTS, w.task_variables()).await;
    w.ada.delete(&format!("/organizations/{}/members/{}", w.org, w.ben.id())).await.expect(204);
    assert_eq!(bens.end(&comments).await, Some(("not_found".to_owned(), NO_ACCESS.to_owned())));
    w.comment("only for us").await;
    adas.event(&of_ada, "comment.created").await;
    bens.expect_nothing_pending().await;

    w.ben.post("/auth/logout", json!({})).await.expect(204);
    assert_eq!(bens.close_code().await, 4401);
    w.comment("still here").await;
    adas.event(&of_ada, "comment.created").await;
}
