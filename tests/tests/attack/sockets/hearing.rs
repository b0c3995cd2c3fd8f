//! Who was refused hears nothing, although he stays connected while much happens.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trellis_tests::{GraphSocket, Socket};

use crate::{
    attackers::Attack,
    matrix::{Needs, Row},
    world,
};

#[test]
fn no_socket_of_a_stranger_hears_anything() {
    world::run(|world| async move {
        let victim = world.victim(Needs::Member).await;
        let base = &world.api.base;
        let topics = ["task:{org}/{task_id}", "project:{org}/{project}", "project:{org}/{project_slug}"];
        let topics = topics.map(|topic| victim.names.fill(topic));
        let mut own = Socket::open(base, &victim.member.token).await;
        // The second name of the project is no second subscription.
        let mut cursors = Vec::new();
        for topic in &topics {
            cursors.push(own.subscribe(topic, None).await["cursor"].clone());
        }
        let document = "subscription($org: String!) { taskComments(orgSlug: $org, taskId: \"WEB-1\") { kind comment { content } } }";
        let variables = json!({"org": victim.names.get("org")});

        let row = Row::new("the sockets", Needs::Member, |_| async { unreachable!() });
        let (mut lives, mut graphs) = (Vec::new(), Vec::new());
        for attack in [Attack::OtherAdmin, Attack::RemovedMember] {
            let token = world.credentials(attack, &victim, &row).token.unwrap();
            let mut live = Socket::open(base, &token).await;
            for (topic, cursor) in topics.iter().zip(&cursors) {
                // The topic is authorized, never the cursor.
                for after in [cursor, &Value::Null] {
                    live.send(json!({"type": "subscribe", "id": 1, "topic": topic, "after": after})).await;
                    assert_eq!(live.next().await["code"], "not_found", "{attack:?} {topic}");
                }
            }
            // What is his own he may listen to; there is nothing in it of what is none of his.
            live.subscribe("notifications", None).await;
            lives.push(live);
            let mut graph = GraphSocket::open(base, &token).await;
            let id = graph.start(document, variables.clone()).await;
            assert_eq!(graph.end(&id).await.unwrap().0, "not_found", "{attack:?}");
            graphs.push(graph);
        }
        // Nor does one of the signed out.
        let mut signed_out = GraphSocket::open_with(base, json!({})).await;
        let id = signed_out.start(document, variables).await;
        assert_eq!(signed_out.end(&id).await.unwrap().0, "unauthenticated");
        graphs.push(signed_out);

        own.subscribe("notifications", None).await;
        let client = world.client(&victim.admin);
        let at = format!("/organizations/{}", victim.names.get("org"));
        let strangers = [&world.outsider.email, &victim.removed.email, &victim.member.email];
        let secret = strangers.map(|email| format!("a secret for @{email}")).join(", ");
        client.post(&format!("{at}/tasks/WEB-1/comments"), json!({"content": secret})).await.expect(201);
        client.patch(&format!("{at}/tasks/WEB-1"), json!({"status": "DONE"})).await.expect(200);
        client.patch(&format!("{at}/projects/WEB"), json!({"status": "ON_HOLD"})).await.expect(200);
        // The member hears all of it, so it is out; his notification, too, and so nobody else will be notified.
        let mut heard = BTreeMap::new();
        while heard.get("project.updated") != Some(&1) || heard.get("notification.created") != Some(&1) {
            let frame = own.next().await;
            let kind = frame["event"]["kind"].as_str().unwrap_or_else(|| panic!("no event: {frame}")).to_owned();
            *heard.entry(kind).or_insert(0) += 1;
        }
        assert_eq!((heard["comment.created"], heard["task.updated"]), (2, 2), "{heard:?}");
        for mut live in lives {
            live.expect_nothing_pending().await;
        }
        for mut graph in graphs {
            graph.expect_nothing_pending().await;
        }
    });
}
