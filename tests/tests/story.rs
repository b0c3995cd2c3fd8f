//! A whole day's work of two people, over REST and sockets.

use serde_json::json;
use trellis_tests::{Api, Socket, unique};

#[tokio::test]
async fn two_people_work_on_one_project_and_each_sees_what_the_other_writes() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    let project = ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    assert_eq!(
        (&project["slug"], &project["key"], &project["status"]),
        (&json!("website"), &json!("WEB"), &json!("ACTIVE"))
    );

    let task = ben.task(&org, "website", "Draw the landing page").await;
    assert_eq!(task["task_id"], "WEB-1");
    assert_eq!(task["status"], "TODO");
    assert_eq!(task["created_by"]["email"], ben.email());

    let topic = format!("task:{org}/WEB-1");
    let mut sockets = Vec::new();
    for person in [&ada, &ben] {
        let mut socket = Socket::open(&api.base, &person.token).await;
        assert_eq!(socket.subscribe(&topic, None).await["recovered"], true);
        sockets.push(socket);
    }

    // Comment, edit, move, delete: each event once, in order, at both.
    let comments = format!("/organizations/{org}/tasks/WEB-1/comments");
    let created = ada.post(&comments, json!({"content": "How about green?"})).await;
    let cursor = created.cursor();
    let comment = created.expect(201);
    let at = format!("/organizations/{org}/comments/{}", comment["id"].as_str().unwrap());
    let edited = ada.patch(&at, json!({"content": "How about blue?"})).await.expect(200);
    assert!(edited["edited_at"].is_string());
    let moved = ben.patch(&format!("/organizations/{org}/tasks/web-1"), json!({"status": "DONE"})).await.expect(200);
    assert_eq!((&moved["status"], &moved["comment_count"]), (&json!("DONE"), &json!(1)));
    ada.delete(&at).await.expect(204);

    for socket in &mut sockets {
        let frame = socket.event("comment.created").await;
        assert_eq!(frame["topic"], topic);
        assert_eq!(frame["cursor"], cursor, "the write's own position is the event's cursor");
        assert_eq!(frame["event"]["data"], comment, "the event carries the comment's REST JSON");
        assert_eq!(frame["event"]["actor"]["name"], "Ada");
        assert_eq!(socket.event("comment.updated").await["event"]["data"]["content"], "How about blue?");
        let update = socket.event("task.updated").await;
        assert_eq!(update["event"]["changes"], json!({"status": {"from": "TODO", "to": "DONE"}}));
        assert_eq!(update["event"]["data"], moved);
        assert_eq!(socket.event("comment.deleted").await["event"]["data"]["id"], comment["id"]);
        socket.expect_nothing_pending().await;
    }

    let project = ben.get(&format!("/organizations/{org}/projects/WEB")).await.expect(200);
    assert_eq!((&project["task_count"], &project["completed_task_count"]), (&json!(1), &json!(1)));
    let activity = ben.get(&format!("/organizations/{org}/tasks/WEB-1/activity")).await.expect(200);
    let kinds: Vec<_> =
        activity["items"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["comment.deleted", "task.updated", "comment.updated", "comment.created", "task.created"]);

    // Removal ends what Ben sees, at once and everywhere.
    ada.delete(&format!("/organizations/{org}/members/{}", ben.id())).await.expect(204);
    let frame = sockets[1].next().await;
    assert_eq!(frame, json!({"type": "revoked", "topic": topic}));
    ben.get(&format!("/organizations/{org}/tasks/WEB-1")).await.problem(404, "not_found");
    ada.post(&comments, json!({"content": "Only for us."})).await.expect(201);
    sockets[0].event("comment.created").await;
    sockets[1].expect_nothing_pending().await;

    // The task goes; its socket hears of it.
    ada.delete(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(204);
    assert_eq!(sockets[0].event("task.deleted").await["event"]["data"]["task_id"], "WEB-1");
    ada.get(&format!("/organizations/{org}/tasks/WEB-1")).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_first_who_registers_with_an_invitation_is_in_and_others_are_not() {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;

    // Without an invitation: as if there were no such organization, and no user comes to be.
    let email = format!("{}@example.test", unique("eve"));
    for slug in [org.as_str(), "there-is-no-such-organization"] {
        let body =
            json!({"email": email, "name": "Eve", "password": "a-quite-long-passphrase", "organization_slug": slug});
        api.post("/auth/register", body).await.problem(403, "invitation_required");
    }
    api.login(&email, "a-quite-long-passphrase").await.problem(401, "invalid_credentials");

    let ben = ada.invite(&org, "Ben", "ADMIN").await;
    let mine = ben.get("/me/organizations").await.expect(200);
    assert_eq!((&mine["items"][0]["slug"], &mine["items"][0]["role"]), (&json!(org), &json!("ADMIN")));
    let members = ben.get(&format!("/organizations/{org}/members")).await.expect(200);
    let names: Vec<_> =
        members["items"].as_array().unwrap().iter().map(|member| member["user"]["name"].clone()).collect();
    assert_eq!(names, [json!("Ada"), json!("Ben")]);
}
