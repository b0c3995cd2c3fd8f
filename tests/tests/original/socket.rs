//! The original's socket: `/ws/tasks/{org}/{task_id}/comments/`.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trellis_tests::{Gateway, OriginalSocket, PASSWORD, Session, Socket};

use super::{COMMENT, LOGIN, World, join, organization, session, world};

/// With project `website` and task `WEBSITE-1`.
async fn with_task() -> World {
    let w = world().await;
    w.project().await;
    w.task("One").await;
    w
}

impl World {
    async fn open(&self, person: &Session) -> OriginalSocket {
        OriginalSocket::open(&self.api.base, &self.org, "WEBSITE-1", &person.token).await
    }
}

#[tokio::test]
async fn it_welcomes_answers_pings_and_tells_what_it_does_not_understand() {
    let w = with_task().await;
    for task in ["WEBSITE-1", "website-1"] {
        let mut socket = OriginalSocket::connect(&w.api.base, &w.org, task, Some(&w.ada.token)).await;
        let wanted = json!({"type": "system", "message": "Connected to task comments", "task_id": "WEBSITE-1"});
        assert_eq!(socket.next().await, wanted, "{task}");
        socket.send(json!({"type": "ping"})).await;
        assert_eq!(socket.next().await, json!({"type": "pong"}));
        for blank in ["", "   ", "\n\t"] {
            socket.say(blank).await;
            assert_eq!(socket.next().await, json!({"error": "Message cannot be empty"}), "{blank:?}");
        }
        for text in ["nonsense", "{\"message\":", "[1]", "7", "\"x\"", "{\"message\": 7}"] {
            socket.send_raw(Message::text(text)).await;
            assert_eq!(socket.next().await, json!({"error": "Failed to process message"}), "{text}");
        }
        socket.say(&"x".repeat(20_001)).await;
        assert!(socket.next().await["error"].is_string(), "a comment that is too long");
        socket.say(" still here ").await;
        socket.comment("still here").await;
        socket.expect_nothing_pending().await;
    }
}

#[tokio::test]
async fn a_token_comes_in_the_query_or_in_the_header() {
    let w = with_task().await;
    for scheme in ["JWT", "Bearer", "bearer"] {
        let header = format!("{scheme} {}", w.ada.token);
        let mut socket = OriginalSocket::connect_with(&w.api.base, &w.org, "WEBSITE-1", &header).await;
        socket.welcome().await;
        socket.expect_nothing_pending().await;
    }
    let base = &w.api.base;
    for token in [None, Some(""), Some("nonsense")] {
        let mut socket = OriginalSocket::connect(base, &w.org, "WEBSITE-1", token).await;
        assert_eq!(socket.close_code().await, 4001, "{token:?}");
    }
    let mut socket = OriginalSocket::connect_with(base, &w.org, "WEBSITE-1", "JWT nonsense").await;
    assert_eq!(socket.close_code().await, 4001);
    // Signed out, nothing is told of what is there.
    let mut socket = OriginalSocket::connect(base, "there-is-no-such-organization", "X-1", None).await;
    assert_eq!(socket.close_code().await, 4001);
}

#[tokio::test]
async fn it_closes_with_4003_where_one_may_not_look_or_nothing_is() {
    let w = with_task().await;
    let eve = join(&w.api, &organization(&w.api).await, "Eve").await;
    for (person, org, task) in [
        (&eve, w.org.as_str(), "WEBSITE-1"),
        (&eve, &w.org, "WEBSITE-9"),
        (&eve, "there-is-no-such-organization", "WEBSITE-1"),
        (&w.ada, "there-is-no-such-organization", "WEBSITE-1"),
        (&w.ada, &w.org, "WEBSITE-9"),
        (&w.ada, &w.org, "OTHER-1"),
        (&w.ada, &w.org, "nonsense"),
    ] {
        let mut socket = OriginalSocket::connect(&w.api.base, org, task, Some(&person.token)).await;
        assert_eq!(socket.close_code().await, 4003, "{org}/{task}");
    }
}

#[tokio::test]
async fn comments_of_every_kind_arrive_once_and_in_order_at_every_gateway() {
    let w = with_task().await;
    let second = Gateway::start(&[]).await.unwrap();
    let mut here = w.open(&w.ada).await;
    let mut there = OriginalSocket::open(&second.base, &w.org, "website-1", &w.ben.token).await;
    let mut full = Socket::open(&second.base, &w.ada.token).await;
    full.subscribe(&format!("task:{}/WEBSITE-1", w.org), None).await;

    let comments = format!("/organizations/{}/tasks/WEBSITE-1/comments", w.org);
    let mut wanted = Vec::new();
    for round in 0..5 {
        let by_rest = format!("{round} by REST");
        w.ben.post(&comments, json!({"content": by_rest})).await.expect(201);
        let by_graphql = format!("{round} by GraphQL");
        let variables = json!({"orgSlug": w.org, "taskId": "WEBSITE-1", "content": by_graphql});
        w.ada.graph().done(COMMENT, variables).await;
        wanted.extend([by_rest, by_graphql]);
        for content in &wanted[wanted.len() - 2..] {
            here.comment(content).await;
        }
        // By the sockets themselves; each sender hears it, too.
        let (from_ada, from_ben) = (format!("{round} from here"), format!("{round} from there"));
        here.say(&from_ada).await;
        here.comment(&from_ada).await;
        there.say(&from_ben).await;
        here.comment(&from_ben).await;
        wanted.extend([from_ada, from_ben]);
    }
    for content in &wanted {
        let frame = there.comment(content).await;
        let person = if content.ends_with("REST") || content.ends_with("there") { &w.ben } else { &w.ada };
        assert_eq!((&frame["author"], &frame["task_id"]), (&person.user, &json!("WEBSITE-1")), "{content}");
        assert_eq!(full.event("comment.created").await["event"]["data"]["id"], frame["id"]);
    }
    let list = w.ben.get(&format!("{comments}?limit=100")).await.expect(200);
    let contents: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["content"].clone()).collect();
    assert_eq!(contents, wanted);
    for socket in [&mut here, &mut there] {
        socket.expect_nothing_pending().await;
    }
    full.expect_nothing_pending().await;
}

#[tokio::test]
async fn many_who_write_at_once_are_heard_in_one_order() {
    let w = with_task().await;
    let mut listeners = [w.open(&w.ada).await, w.open(&w.ben).await, w.open(&w.ada).await];
    let writers = (0..4).map(|writer| {
        let (w, person) = (&w, if writer % 2 == 0 { &w.ada } else { &w.ben });
        async move {
            for n in 0..10 {
                let variables = json!({"orgSlug": w.org, "taskId": "WEBSITE-1", "content": format!("{writer}-{n}")});
                person.graph().done(COMMENT, variables).await;
            }
        }
    });
    let readers = listeners.iter_mut().map(|socket| async move {
        let mut heard = Vec::new();
        while heard.len() < 40 {
            heard.push(socket.next().await);
        }
        socket.expect_nothing_pending().await;
        heard
    });
    let (_, heard) = tokio::join!(futures_util::future::join_all(writers), futures_util::future::join_all(readers));
    assert!(heard.windows(2).all(|pair| pair[0] == pair[1]), "two sockets heard different orders");
    let query = "query($org: String!) { taskComments(orgSlug: $org, taskId: \"WEBSITE-1\") { id } }";
    let list = w.ada.graph().field(query, json!({"org": w.org})).await;
    let ids = |list: &[Value]| -> Vec<Value> { list.iter().map(|item| item["id"].clone()).collect() };
    assert_eq!(ids(list.as_array().unwrap()), ids(&heard[0]));
}

#[tokio::test]
async fn only_new_comments_of_this_task_arrive() {
    let w = with_task().await;
    w.task("Two").await;
    let before = w.comment("WEBSITE-1", "before").await;
    let mut socket = w.open(&w.ben).await;
    let at = format!("/organizations/{}", w.org);
    let comment = format!("{at}/comments/{}", before["id"].as_str().unwrap());
    w.comment("WEBSITE-2", "elsewhere").await;
    w.ada.patch(&comment, json!({"content": "edited"})).await.expect(200);
    w.ada.patch(&format!("{at}/tasks/WEBSITE-1"), json!({"status": "DONE"})).await.expect(200);
    w.ada.delete(&comment).await.expect(204);
    w.comment("WEBSITE-1", "after").await;
    socket.comment("after").await;
    socket.expect_nothing_pending().await;
}

#[tokio::test]
async fn removal_of_the_member_ends_it() {
    let w = with_task().await;
    let (mut bens, mut adas) = (w.open(&w.ben).await, w.open(&w.ada).await);
    w.ada.delete(&format!("/organizations/{}/members/{}", w.org, w.ben.id())).await.expect(204);
    assert_eq!(bens.close_code().await, 4003);
    w.comment("WEBSITE-1", "only for us").await;
    adas.comment("only for us").await;
}

#[tokio::test]
async fn the_end_of_the_task_its_project_or_its_organization_ends_it() {
    let w = with_task().await;
    let at = format!("/organizations/{}", w.org);
    let mut socket = w.open(&w.ben).await;
    w.ada.delete(&format!("{at}/tasks/WEBSITE-1")).await.expect(204);
    assert_eq!(socket.close_code().await, 4003);

    w.task("Two").await;
    let mut socket = OriginalSocket::open(&w.api.base, &w.org, "WEBSITE-2", &w.ben.token).await;
    w.ada.delete(&format!("{at}/projects/website")).await.expect(204);
    assert_eq!(socket.close_code().await, 4003);

    w.project().await;
    let task = w.task("Three").await;
    let mut socket = OriginalSocket::open(&w.api.base, &w.org, task["taskId"].as_str().unwrap(), &w.ben.token).await;
    w.ada.delete(&at).await.expect(204);
    assert_eq!(socket.close_code().await, 4003);
}

#[tokio::test]
async fn logout_and_a_new_password_end_it_and_no_other() {
    let w = with_task().await;
    let input = json!({"email": w.ben.email(), "password": PASSWORD});
    let again = session(&w.api, &w.api.graph().done(LOGIN, json!({"input": input})).await);
    let (mut first, mut second, mut adas) = (w.open(&w.ben).await, w.open(&again).await, w.open(&w.ada).await);
    w.ben.post("/auth/logout", json!({})).await.expect(204);
    assert_eq!(first.close_code().await, 4001);
    w.comment("WEBSITE-1", "still heard").await;
    second.comment("still heard").await;

    let last = session(&w.api, &w.api.graph().done(LOGIN, json!({"input": input})).await);
    let change = json!({"current_password": PASSWORD, "new_password": "another-long-passphrase"});
    last.post("/me/password", change).await.expect(204);
    assert_eq!(second.close_code().await, 4001);
    w.comment("WEBSITE-1", "by whom it concerns").await;
    for content in ["still heard", "by whom it concerns"] {
        adas.comment(content).await;
    }
}
